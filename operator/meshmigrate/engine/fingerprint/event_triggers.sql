-- Event triggers.
SELECT quote_ident(e.evtname),
       concat_ws(' ', 'on', e.evtevent, 'call', e.evtfoid::regprocedure,
                 'tags ' || (SELECT string_agg(t, ',' ORDER BY t) FROM unnest(e.evttags) AS t),
                 CASE e.evtenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
                     WHEN 'A' THEN 'always' END,
                 'owner ' || quote_ident(pg_get_userbyid(e.evtowner))),
       NULL
FROM pg_catalog.pg_event_trigger AS e
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_event_trigger'::regclass
                    AND d.objid = e.oid AND d.deptype = 'e')
