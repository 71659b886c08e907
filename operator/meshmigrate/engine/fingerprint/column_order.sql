-- The order of columns: told as a note, as a rollback script cannot bring it back.
SELECT c.oid::regclass::text,
       string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
       n.nspname || '.' || c.relname
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f')
  AND c.relnamespace = ANY (%(schemas)s)
  AND c.oid <> ALL (%(member_relations)s)
GROUP BY c.oid, n.nspname, c.relname
