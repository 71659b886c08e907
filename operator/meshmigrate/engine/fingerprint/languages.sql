-- Procedural languages and access methods that came after the cluster: they have no schema.
SELECT 'language ' || quote_ident(l.lanname),
       concat_ws(' ', CASE WHEN l.lanpltrusted THEN 'trusted' END,
                 'handler', l.lanplcallfoid::regproc, 'inline', l.laninline::regproc,
                 'validator', l.lanvalidator::regproc,
                 'owner ' || quote_ident(pg_get_userbyid(l.lanowner))),
       NULL
FROM pg_catalog.pg_language AS l
WHERE l.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_language'::regclass
                    AND d.objid = l.oid AND d.deptype = 'e')
UNION ALL
SELECT 'access method ' || quote_ident(m.amname),
       concat_ws(' ', 'type', m.amtype, 'handler', m.amhandler),
       NULL
FROM pg_catalog.pg_am AS m
WHERE m.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_am'::regclass
                    AND d.objid = m.oid AND d.deptype = 'e')
