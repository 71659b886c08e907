-- Constraints of tables and domains; NOT VALID is part of the definition's text.
SELECT pg_catalog.quote_ident(k.conname) || ' on '
           || CASE WHEN k.conrelid <> 0 THEN k.conrelid::pg_catalog.regclass::text
              ELSE k.contypid::pg_catalog.regtype::text END,
       pg_catalog.pg_get_constraintdef(k.oid)
           || CASE WHEN k.convalidated THEN '' ELSE ' (not validated)' END
FROM pg_catalog.pg_constraint AS k
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
WHERE k.connamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.deptype = 'e' AND (d.classid, d.objid) IN (
                      ('pg_catalog.pg_class'::pg_catalog.regclass, k.conrelid),
                      ('pg_catalog.pg_type'::pg_catalog.regclass, k.contypid)))
