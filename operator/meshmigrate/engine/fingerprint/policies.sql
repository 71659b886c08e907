-- Row level security policies; on tables of managed schemas too.
SELECT quote_ident(y.polname) || ' on ' || c.oid::regclass::text,
       concat_ws(' ',
           CASE WHEN y.polpermissive THEN 'permissive' ELSE 'restrictive' END,
           'for ' || y.polcmd::text,
           'to ' || (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC'
                                       ELSE quote_ident(pg_get_userbyid(r)) END,
                                       ',' ORDER BY pg_get_userbyid(r))
                     FROM unnest(y.polroles) AS r),
           'using ' || pg_get_expr(y.polqual, y.polrelid),
           'with check ' || pg_get_expr(y.polwithcheck, y.polrelid)),
       n.nspname || '.' || c.relname
FROM pg_catalog.pg_policy AS y
JOIN pg_catalog.pg_class AS c ON c.oid = y.polrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relnamespace = ANY (%(attached)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.deptype = 'e' AND (
                      d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
                      OR d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = y.oid))
