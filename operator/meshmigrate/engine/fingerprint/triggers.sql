-- Triggers a person made, with whether they fire; of those that are parts of constraints, only
-- which do not fire as made (DISABLE TRIGGER ALL). On tables of managed schemas too.
SELECT quote_ident(t.tgname) || ' on ' || c.oid::regclass::text,
       pg_get_triggerdef(t.oid)
           || CASE t.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ' (disabled)'
              WHEN 'R' THEN ' (replica)' ELSE ' (always)' END,
       n.nspname || '.' || c.relname
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal
  AND c.relnamespace = ANY (%(attached)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.deptype = 'e' AND (
                      d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
                      OR d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = t.oid))
UNION ALL
SELECT 'internal triggers on ' || c.oid::regclass::text,
       string_agg(concat_ws(' ', quote_ident(k.conname), t.tgfoid::regproc,
                            CASE t.tgenabled WHEN 'D' THEN '(disabled)'
                            WHEN 'R' THEN '(replica)' ELSE '(always)' END),
                  ', ' ORDER BY k.conname, t.tgfoid::regproc::text, k.conrelid::regclass::text),
       n.nspname || '.' || c.relname
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint AS k ON k.oid = t.tgconstraint
WHERE t.tgisinternal AND t.tgenabled <> 'O'
  AND c.relnamespace = ANY (%(attached)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_class'::regclass
                    AND d.objid = c.oid AND d.deptype = 'e')
GROUP BY c.oid, n.nspname, c.relname
