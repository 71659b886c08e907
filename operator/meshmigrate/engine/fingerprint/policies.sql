-- Row level security policies.
SELECT pg_catalog.quote_ident(y.polname) || ' on ' || c.oid::pg_catalog.regclass::text,
       pg_catalog.concat_ws(' ',
           CASE WHEN y.polpermissive THEN 'permissive' ELSE 'restrictive' END,
           'for ' || y.polcmd::text,
           'to ' || (SELECT pg_catalog.string_agg(
                                CASE r WHEN 0 THEN 'PUBLIC'
                                ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r)) END,
                                ',' ORDER BY pg_catalog.pg_get_userbyid(r))
                     FROM pg_catalog.unnest(y.polroles) AS r),
           'using ' || pg_catalog.pg_get_expr(y.polqual, y.polrelid),
           'with check ' || pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid))
FROM pg_catalog.pg_policy AS y
JOIN pg_catalog.pg_class AS c ON c.oid = y.polrelid
WHERE c.relnamespace = ANY (%(schemas)s)
