-- Schemas, and extensions with their versions.
SELECT pg_catalog.quote_ident(n.nspname),
       'schema owner ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(n.nspowner))
FROM pg_catalog.pg_namespace AS n WHERE n.oid = ANY (%(schemas)s)
UNION ALL
SELECT 'extension ' || pg_catalog.quote_ident(x.extname),
       x.extversion || ' in ' || x.extnamespace::pg_catalog.regnamespace::text
FROM pg_catalog.pg_extension AS x
