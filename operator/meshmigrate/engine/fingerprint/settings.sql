-- The database itself, and what ALTER DATABASE and ALTER ROLE set for it. Settings of a role in
-- every database belong to the cluster.
SELECT 'database',
       concat_ws(' ', 'owner ' || quote_ident(pg_get_userbyid(d.datdba)),
                 'connection limit ' || nullif(d.datconnlimit, -1),
                 CASE WHEN d.datistemplate THEN 'template' END,
                 CASE WHEN NOT d.datallowconn THEN 'no connections' END),
       NULL
FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()
UNION ALL
SELECT CASE s.setrole WHEN 0 THEN 'every role'
       ELSE 'role ' || quote_ident(pg_get_userbyid(s.setrole)) END,
       (SELECT string_agg(split_part(o, '=', 1) || ' = '
                          || quote_literal(substr(o, strpos(o, '=') + 1)), ', ' ORDER BY o)
        FROM unnest(s.setconfig) AS o),
       NULL
FROM pg_catalog.pg_db_role_setting AS s
JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
WHERE d.datname = current_database()
