-- Comments, by the identity of what they are on; it depends on no language setting.
SELECT i.type || ' ' || i.identity, m.description
FROM pg_catalog.pg_description AS m
CROSS JOIN LATERAL pg_catalog.pg_identify_object(m.classoid, m.objoid, m.objsubid) AS i
WHERE i.schema IN (SELECT pg_catalog.quote_ident(n.nspname)
                   FROM pg_catalog.pg_namespace AS n WHERE n.oid = ANY (%(schemas)s))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = m.classoid AND d.objid = m.objoid AND d.deptype = 'e')
UNION ALL
SELECT 'schema ' || n.oid::pg_catalog.regnamespace, m.description
FROM pg_catalog.pg_description AS m
JOIN pg_catalog.pg_namespace AS n ON n.oid = m.objoid
WHERE m.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND n.oid = ANY (%(schemas)s)
