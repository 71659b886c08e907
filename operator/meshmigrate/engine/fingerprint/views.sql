-- What views and materialized views select.
SELECT c.oid::regclass::text, pg_get_viewdef(c.oid), n.nspname || '.' || c.relname
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm')
  AND c.relnamespace = ANY (%(schemas)s)
  AND c.oid <> ALL (%(member_relations)s)
