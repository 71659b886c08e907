-- Casts, transforms and conversions. The first two have no schema: those from 16384 on
-- (FirstNormalObjectId) were made after the cluster.
SELECT 'cast (' || k.castsource::regtype || ' AS ' || k.casttarget::regtype || ')',
       concat_ws(' ', 'context', k.castcontext, 'method', k.castmethod,
                 'by ' || CASE WHEN k.castfunc <> 0 THEN k.castfunc::regprocedure::text END),
       NULL
FROM pg_catalog.pg_cast AS k
WHERE k.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_cast'::regclass
                    AND d.objid = k.oid AND d.deptype = 'e')
UNION ALL
SELECT 'transform for ' || t.trftype::regtype || ' language ' || quote_ident(l.lanname),
       concat_ws(' ', 'from', t.trffromsql, 'to', t.trftosql),
       NULL
FROM pg_catalog.pg_transform AS t
JOIN pg_catalog.pg_language AS l ON l.oid = t.trflang
WHERE t.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_transform'::regclass
                    AND d.objid = t.oid AND d.deptype = 'e')
UNION ALL
SELECT 'conversion ' || quote_ident(n.nspname) || '.' || quote_ident(c.conname),
       concat_ws(' ', 'from', pg_encoding_to_char(c.conforencoding),
                 'to', pg_encoding_to_char(c.contoencoding), 'by', c.conproc,
                 CASE WHEN c.condefault THEN 'default' END,
                 'owner ' || quote_ident(pg_get_userbyid(c.conowner))),
       n.nspname || '.' || c.conname
FROM pg_catalog.pg_conversion AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.connamespace
WHERE c.connamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_conversion'::regclass
                    AND d.objid = c.oid AND d.deptype = 'e')
