-- Rules a person made (that of a view is the view), with whether they apply.
SELECT quote_ident(r.rulename) || ' on ' || c.oid::regclass::text,
       pg_get_ruledef(r.oid)
           || CASE r.ev_enabled WHEN 'O' THEN '' WHEN 'D' THEN ' (disabled)'
              WHEN 'R' THEN ' (replica)' ELSE ' (always)' END,
       n.nspname || '.' || c.relname
FROM pg_catalog.pg_rewrite AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN'
  AND c.relnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.deptype = 'e' AND (
                      d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
                      OR d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid))
