-- Security labels, one object for each thing and label provider.
SELECT concat_ws(' ', i.type, i.identity, 'for', l.provider), quote_literal(l.label), coalesce(
           n.nspname || '.' || c.relname,
           CASE WHEN i.schema IS NOT NULL THEN split_part(i.identity, '(', 1) END)
FROM pg_catalog.pg_seclabel AS l
CROSS JOIN LATERAL pg_identify_object(l.classoid, l.objoid, l.objsubid) AS i
LEFT JOIN pg_catalog.pg_class AS c
  ON l.classoid = 'pg_catalog.pg_class'::regclass AND c.oid = l.objoid
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE l.classoid <> 'pg_catalog.pg_largeobject'::regclass
  AND (i.schema IS NULL OR i.schema IN (
      SELECT quote_ident(s.nspname)
      FROM pg_catalog.pg_namespace AS s WHERE s.oid = ANY (%(schemas)s)))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = l.classoid AND d.objid = l.objoid AND d.deptype = 'e')
UNION ALL
SELECT 'database for ' || l.provider, quote_literal(l.label), NULL
FROM pg_catalog.pg_shseclabel AS l
JOIN pg_catalog.pg_database AS b ON b.oid = l.objoid
WHERE l.classoid = 'pg_catalog.pg_database'::regclass AND b.datname = current_database()
