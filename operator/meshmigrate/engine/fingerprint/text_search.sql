-- Text search configurations, dictionaries, parsers and templates.
SELECT 'configuration ' || c.oid::regconfig,
       concat_ws(' ', 'parser', pn.nspname || '.' || p.prsname,
                 (SELECT string_agg(m.maptokentype || '/' || m.mapseqno || ' '
                                    || m.mapdict::regdictionary, ', '
                                    ORDER BY m.maptokentype, m.mapseqno)
                  FROM pg_catalog.pg_ts_config_map AS m WHERE m.mapcfg = c.oid),
                 'owner ' || quote_ident(pg_get_userbyid(c.cfgowner))),
       n.nspname || '.' || c.cfgname
FROM pg_catalog.pg_ts_config AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.cfgnamespace
JOIN pg_catalog.pg_ts_parser AS p ON p.oid = c.cfgparser
JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.prsnamespace
WHERE c.cfgnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x
                  WHERE x.classid = 'pg_catalog.pg_ts_config'::regclass
                    AND x.objid = c.oid AND x.deptype = 'e')
UNION ALL
SELECT 'dictionary ' || d.oid::regdictionary,
       concat_ws(' ', 'template', tn.nspname || '.' || t.tmplname, d.dictinitoption,
                 'owner ' || quote_ident(pg_get_userbyid(d.dictowner))),
       n.nspname || '.' || d.dictname
FROM pg_catalog.pg_ts_dict AS d
JOIN pg_catalog.pg_namespace AS n ON n.oid = d.dictnamespace
JOIN pg_catalog.pg_ts_template AS t ON t.oid = d.dicttemplate
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.tmplnamespace
WHERE d.dictnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x
                  WHERE x.classid = 'pg_catalog.pg_ts_dict'::regclass
                    AND x.objid = d.oid AND x.deptype = 'e')
UNION ALL
SELECT 'parser ' || quote_ident(n.nspname) || '.' || quote_ident(p.prsname),
       (to_jsonb(p) - ARRAY['oid', 'prsname', 'prsnamespace'])::text,
       n.nspname || '.' || p.prsname
FROM pg_catalog.pg_ts_parser AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.prsnamespace
WHERE p.prsnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x
                  WHERE x.classid = 'pg_catalog.pg_ts_parser'::regclass
                    AND x.objid = p.oid AND x.deptype = 'e')
UNION ALL
SELECT 'template ' || quote_ident(n.nspname) || '.' || quote_ident(t.tmplname),
       (to_jsonb(t) - ARRAY['oid', 'tmplname', 'tmplnamespace'])::text,
       n.nspname || '.' || t.tmplname
FROM pg_catalog.pg_ts_template AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.tmplnamespace
WHERE t.tmplnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x
                  WHERE x.classid = 'pg_catalog.pg_ts_template'::regclass
                    AND x.objid = t.oid AND x.deptype = 'e')
