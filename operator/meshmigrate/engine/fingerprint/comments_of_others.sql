-- Comments on everything else, by the identity of what they are on; it depends on no language
-- setting. What is below 16384 (FirstNormalObjectId) came with the cluster.
SELECT i.type || ' ' || i.identity, m.description, coalesce(
           n.nspname || '.' || c.relname,
           CASE WHEN i.schema IS NOT NULL THEN split_part(i.identity, '(', 1) END)
FROM pg_catalog.pg_description AS m
LEFT JOIN pg_catalog.pg_trigger AS t
  ON m.classoid = 'pg_catalog.pg_trigger'::regclass AND t.oid = m.objoid
LEFT JOIN pg_catalog.pg_policy AS y
  ON m.classoid = 'pg_catalog.pg_policy'::regclass AND y.oid = m.objoid
LEFT JOIN pg_catalog.pg_rewrite AS r
  ON m.classoid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = m.objoid
LEFT JOIN pg_catalog.pg_constraint AS k
  ON m.classoid = 'pg_catalog.pg_constraint'::regclass AND k.oid = m.objoid
LEFT JOIN pg_catalog.pg_class AS c
  ON c.oid = coalesce(t.tgrelid, y.polrelid, r.ev_class, nullif(k.conrelid, 0))
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_identify_object(m.classoid, m.objoid, m.objsubid) AS i
WHERE m.objoid >= 16384
  AND m.classoid NOT IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_namespace'::regclass)
  AND (c.oid IS NULL OR c.relnamespace = ANY (%(schemas)s))
  AND (i.schema IS NULL OR i.schema IN (
      SELECT quote_ident(s.nspname)
      FROM pg_catalog.pg_namespace AS s WHERE s.oid = ANY (%(schemas)s)))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = m.classoid AND d.objid = m.objoid AND d.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
                    AND d.deptype = 'e')
