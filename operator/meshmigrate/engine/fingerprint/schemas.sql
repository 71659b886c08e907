-- Schemas; their privileges are grants.
SELECT quote_ident(n.nspname), 'schema owner ' || quote_ident(pg_get_userbyid(n.nspowner)),
       n.nspname
FROM pg_catalog.pg_namespace AS n WHERE n.oid = ANY (%(schemas)s)
