-- Comments on schemas and on the database.
SELECT 'schema ' || quote_ident(n.nspname), m.description, n.nspname
FROM pg_catalog.pg_description AS m
JOIN pg_catalog.pg_namespace AS n ON n.oid = m.objoid
WHERE m.classoid = 'pg_catalog.pg_namespace'::regclass AND n.oid = ANY (%(schemas)s)
UNION ALL
SELECT 'database', m.description, NULL
FROM pg_catalog.pg_shdescription AS m
JOIN pg_catalog.pg_database AS b ON b.oid = m.objoid
WHERE m.classoid = 'pg_catalog.pg_database'::regclass AND b.datname = current_database()
