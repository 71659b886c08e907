-- What is dropped with an extension without being a member of it.
SELECT i.type || ' ' || i.identity,
       'depends on extension ' || string_agg(quote_ident(x.extname), ',' ORDER BY x.extname),
       n.nspname || '.' || c.relname
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_extension AS x ON x.oid = d.refobjid
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS i
LEFT JOIN pg_catalog.pg_trigger AS t
  ON d.classid = 'pg_catalog.pg_trigger'::regclass AND t.oid = d.objid
LEFT JOIN pg_catalog.pg_index AS y
  ON d.classid = 'pg_catalog.pg_class'::regclass AND y.indexrelid = d.objid
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = coalesce(t.tgrelid, y.indrelid)
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE d.deptype = 'x' AND d.refclassid = 'pg_catalog.pg_extension'::regclass
  AND (i.schema IS NULL AND n.oid IS NULL OR n.oid = ANY (%(schemas)s) OR i.schema IN (
      SELECT quote_ident(s.nspname)
      FROM pg_catalog.pg_namespace AS s WHERE s.oid = ANY (%(schemas)s)))
GROUP BY 1, 3
