-- Constraints of tables and domains; NOT VALID is part of the definition's text. A foreign key to
-- a partitioned table has another constraint for each partition, which only follow from it.
SELECT quote_ident(k.conname) || ' on '
           || CASE WHEN k.conrelid <> 0 THEN k.conrelid::regclass::text
              ELSE k.contypid::regtype::text END,
       pg_get_constraintdef(k.oid)
           || CASE WHEN k.convalidated THEN '' ELSE ' (not validated)' END
           || CASE WHEN k.conislocal THEN '' ELSE ' (inherited)' END,
       n.nspname || '.' || coalesce(c.relname, t.typname)
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_namespace AS n ON n.oid = k.connamespace
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
LEFT JOIN pg_catalog.pg_type AS t ON t.oid = k.contypid
LEFT JOIN pg_catalog.pg_constraint AS p ON p.oid = k.conparentid
WHERE k.connamespace = ANY (%(schemas)s)
  AND p.conrelid IS DISTINCT FROM k.conrelid
  AND k.conrelid <> ALL (%(member_relations)s)
  AND (k.contypid = 0 OR k.contypid = ANY (%(types)s))
