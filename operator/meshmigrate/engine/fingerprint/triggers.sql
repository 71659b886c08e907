-- Triggers a person made (those of constraints are the constraint), with whether they fire.
SELECT pg_catalog.quote_ident(t.tgname) || ' on ' || c.oid::pg_catalog.regclass::text,
       pg_catalog.pg_get_triggerdef(t.oid)
           || CASE t.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ' (disabled)'
              WHEN 'R' THEN ' (replica)' ELSE ' (always)' END
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal
  AND c.relnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.deptype = 'e' AND (d.classid, d.objid) IN (
                      ('pg_catalog.pg_class'::pg_catalog.regclass, c.oid),
                      ('pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid)))
