-- Comments on what is in pg_class and its columns. What is below 16384 (FirstNormalObjectId) came with
-- the cluster.
SELECT concat_ws(' ', CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view'
                          WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
                          WHEN 'c' THEN 'composite type' ELSE
                          CASE WHEN c.relkind IN ('i', 'I') THEN 'index' ELSE 'table' END END,
                 CASE WHEN m.objsubid > 0 THEN 'column' END,
                 c.oid::regclass::text || coalesce('.' || quote_ident(a.attname), '')),
       m.description,
       n.nspname || '.' || coalesce(t.relname, c.relname)
FROM (SELECT d.* FROM pg_catalog.pg_description AS d WHERE d.objoid >= 16384 OFFSET 0) AS m
JOIN pg_catalog.pg_class AS c ON c.oid = m.objoid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index AS x ON x.indexrelid = c.oid
LEFT JOIN pg_catalog.pg_class AS t ON t.oid = x.indrelid
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = m.objsubid
    AND m.objsubid > 0
WHERE m.classoid = 'pg_catalog.pg_class'::regclass AND c.relnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = m.classoid AND d.objid IN (c.oid, t.oid) AND d.deptype = 'e')
