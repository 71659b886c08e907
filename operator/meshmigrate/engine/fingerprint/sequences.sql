-- How sequences count; where they are at is data. One that a column owns belongs to its table.
SELECT c.oid::regclass::text,
       concat_ws(' ', s.seqtypid::regtype, 'start', s.seqstart,
                 'increment', s.seqincrement, 'min', s.seqmin, 'max', s.seqmax,
                 'cache', s.seqcache, CASE WHEN s.seqcycle THEN 'cycle' END,
                 'owned by ' || t.oid::regclass::text || '.' || quote_ident(a.attname)),
       n.nspname || '.' || coalesce(t.relname, c.relname)
FROM pg_catalog.pg_sequence AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
LEFT JOIN pg_catalog.pg_depend AS o
  ON o.classid = 'pg_catalog.pg_class'::regclass AND o.objid = c.oid AND o.deptype IN ('a', 'i')
  AND o.refclassid = 'pg_catalog.pg_class'::regclass AND o.refobjsubid > 0
LEFT JOIN pg_catalog.pg_class AS t ON t.oid = o.refobjid
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
JOIN pg_catalog.pg_namespace AS n ON n.oid = coalesce(t.relnamespace, c.relnamespace)
WHERE c.relnamespace = ANY (%(schemas)s)
  AND c.oid <> ALL (%(member_relations)s)
