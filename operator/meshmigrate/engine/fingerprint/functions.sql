-- Functions, procedures and window functions by their definition, aggregates by their parts.
SELECT p.oid::pg_catalog.regprocedure::text,
       pg_catalog.concat_ws(' ',
           CASE WHEN p.prokind <> 'a' THEN pg_catalog.pg_get_functiondef(p.oid)
           ELSE (SELECT pg_catalog.concat_ws(' ', 'aggregate', g.aggtransfn, g.aggfinalfn,
                                             g.aggtranstype::pg_catalog.regtype, g.agginitval)
                 FROM pg_catalog.pg_aggregate AS g WHERE g.aggfnoid = p.oid) END,
           'owner ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(p.proowner)))
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                    AND d.objid = p.oid AND d.deptype = 'e')
