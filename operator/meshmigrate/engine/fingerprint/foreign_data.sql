-- Foreign-data wrappers, servers, user mappings and foreign tables. The options of a user mapping
-- are hidden from ordinary roles, so nobody's fingerprint has them.
SELECT 'wrapper ' || quote_ident(w.fdwname),
       concat_ws(' ', 'handler ' || CASE WHEN w.fdwhandler <> 0
                                    THEN w.fdwhandler::regproc::text END,
                 'validator ' || CASE WHEN w.fdwvalidator <> 0
                                 THEN w.fdwvalidator::regproc::text END,
                 'options ' || (SELECT string_agg(o.option_name || ' '
                                                  || quote_literal(o.option_value), ', '
                                                  ORDER BY o.option_name)
                                FROM pg_options_to_table(w.fdwoptions) AS o),
                 'owner ' || quote_ident(pg_get_userbyid(w.fdwowner))),
       NULL
FROM pg_catalog.pg_foreign_data_wrapper AS w
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_foreign_data_wrapper'::regclass
                    AND d.objid = w.oid AND d.deptype = 'e')
UNION ALL
SELECT 'server ' || quote_ident(s.srvname),
       concat_ws(' ', 'wrapper ' || quote_ident(w.fdwname), 'type ' || quote_literal(s.srvtype),
                 'version ' || quote_literal(s.srvversion),
                 'options ' || (SELECT string_agg(o.option_name || ' '
                                                  || quote_literal(o.option_value), ', '
                                                  ORDER BY o.option_name)
                                FROM pg_options_to_table(s.srvoptions) AS o),
                 'owner ' || quote_ident(pg_get_userbyid(s.srvowner))),
       NULL
FROM pg_catalog.pg_foreign_server AS s
JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_foreign_server'::regclass
                    AND d.objid = s.oid AND d.deptype = 'e')
UNION ALL
SELECT 'user mapping for ' || CASE m.umuser WHEN 0 THEN 'PUBLIC'
                              ELSE quote_ident(pg_get_userbyid(m.umuser)) END
           || ' on ' || quote_ident(m.srvname),
       'options are hidden',
       NULL
FROM pg_catalog.pg_user_mappings AS m
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_foreign_server'::regclass
                    AND d.objid = m.srvid AND d.deptype = 'e')
UNION ALL
SELECT 'table ' || f.ftrelid::regclass,
       concat_ws(' ', 'server ' || quote_ident(s.srvname),
                 'options ' || (SELECT string_agg(o.option_name || ' '
                                                  || quote_literal(o.option_value), ', '
                                                  ORDER BY o.option_name)
                                FROM pg_options_to_table(f.ftoptions) AS o)),
       n.nspname || '.' || c.relname
FROM pg_catalog.pg_foreign_table AS f
JOIN pg_catalog.pg_foreign_server AS s ON s.oid = f.ftserver
JOIN pg_catalog.pg_class AS c ON c.oid = f.ftrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_class'::regclass
                    AND d.objid = c.oid AND d.deptype = 'e')
