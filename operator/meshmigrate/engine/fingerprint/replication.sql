-- Publications with what is in them, and subscriptions without their connection string, which
-- ordinary roles cannot read.
SELECT 'publication ' || quote_ident(p.pubname),
       concat_ws(' ', to_jsonb(p) - ARRAY['oid', 'pubname', 'pubowner'],
                 'owner ' || quote_ident(pg_get_userbyid(p.pubowner))),
       NULL
FROM pg_catalog.pg_publication AS p
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_publication'::regclass
                    AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT r.prrelid::regclass || ' in publication ' || quote_ident(p.pubname),
       concat_ws(' ', 'table',
                 (SELECT string_agg(quote_ident(a.attname), ',' ORDER BY a.attname) -- since 15
                  FROM pg_catalog.pg_attribute AS a -- since 15
                  WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)), -- since 15
                 'where ' || pg_get_expr(r.prqual, r.prrelid), -- since 15
                 NULL),
       n.nspname || '.' || c.relname
FROM pg_catalog.pg_publication_rel AS r
JOIN pg_catalog.pg_publication AS p ON p.oid = r.prpubid
JOIN pg_catalog.pg_class AS c ON c.oid = r.prrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relnamespace = ANY (%(schemas)s)
UNION ALL -- since 15
SELECT 'schema ' || s.pnnspid::regnamespace || ' in publication ' || quote_ident(p.pubname), -- since 15
       'schema', n.nspname -- since 15
FROM pg_catalog.pg_publication_namespace AS s -- since 15
JOIN pg_catalog.pg_publication AS p ON p.oid = s.pnpubid -- since 15
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.pnnspid -- since 15
WHERE s.pnnspid = ANY (%(schemas)s) -- since 15
UNION ALL
SELECT 'subscription ' || quote_ident(s.subname),
       concat_ws(' ', 'to ' || (SELECT string_agg(quote_ident(p), ',' ORDER BY p)
                                FROM unnest(s.subpublications) AS p),
                 CASE WHEN s.subenabled THEN 'enabled' ELSE 'disabled' END,
                 'slot ' || quote_ident(s.subslotname), 'binary', s.subbinary,
                 'streaming', s.substream,
                 'synchronous_commit', s.subsynccommit, -- since 15
                 'disable_on_error', s.subdisableonerr, -- since 15
                 'password_required', s.subpasswordrequired, -- since 16
                 'run_as_owner', s.subrunasowner, -- since 16
                 'origin', s.suborigin, -- since 16
                 'failover', s.subfailover, -- since 17
                 'owner ' || quote_ident(pg_get_userbyid(s.subowner))),
       NULL
FROM pg_catalog.pg_subscription AS s
WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database AS d
                   WHERE d.datname = current_database())
