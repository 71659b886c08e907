-- Indexes, invalid ones included: pg_dump does not show those.
SELECT x.indexrelid::regclass::text,
       concat_ws(' ',
           pg_get_indexdef(x.indexrelid),
           CASE WHEN NOT x.indisvalid THEN '(invalid)' END,
           CASE WHEN NOT x.indisready THEN '(not ready)' END,
           CASE WHEN x.indisclustered THEN '(clustered on)' END,
           CASE WHEN x.indisreplident THEN '(replica identity)' END,
           'tablespace ' || CASE WHEN i.reltablespace <> 0 THEN (
               SELECT quote_ident(s.spcname) FROM pg_catalog.pg_tablespace AS s
               WHERE s.oid = i.reltablespace) END,
           'partition of ' || CASE WHEN i.relispartition THEN (
               SELECT h.inhparent::regclass::text FROM pg_catalog.pg_inherits AS h
               WHERE h.inhrelid = i.oid) END,
           'statistics ' || CASE WHEN x.indexprs IS NOT NULL THEN (
               SELECT string_agg(a.attnum || ': ' || a.attstattarget, ', ' ORDER BY a.attnum)
               FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid = i.oid AND a.attstattarget >= 0) END),
       n.nspname || '.' || c.relname
FROM pg_catalog.pg_index AS x
JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_class AS c ON c.oid = x.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm')
  AND c.relnamespace = ANY (%(schemas)s)
  AND c.oid <> ALL (%(member_relations)s)
  AND x.indexrelid <> ALL (%(member_relations)s)
