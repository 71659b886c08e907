-- Indexes, invalid ones included: pg_dump does not show those.
SELECT x.indexrelid::pg_catalog.regclass::text,
       pg_catalog.pg_get_indexdef(x.indexrelid)
           || CASE WHEN x.indisvalid THEN '' ELSE ' (invalid)' END
           || CASE WHEN x.indisready THEN '' ELSE ' (not ready)' END
           || CASE WHEN x.indisclustered THEN ' (clustered on)' ELSE '' END
           || CASE WHEN x.indisreplident THEN ' (replica identity)' ELSE '' END
FROM pg_catalog.pg_index AS x
JOIN pg_catalog.pg_class AS c ON c.oid = x.indrelid
WHERE c.relkind IN ('r', 'p', 'm')
  AND c.relnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    AND d.objid IN (c.oid, x.indexrelid) AND d.deptype = 'e')
