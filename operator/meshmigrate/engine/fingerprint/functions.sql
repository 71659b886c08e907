-- Functions, procedures and window functions by their definition, aggregates by their parts.
SELECT p.oid::regprocedure::text,
       concat_ws(' ',
           CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE (
               SELECT concat_ws(' ', 'aggregate', pg_get_function_arguments(p.oid),
                                g.aggtranstype::regtype,
                                CASE WHEN g.aggmtranstype <> 0 THEN g.aggmtranstype::regtype END,
                                CASE WHEN g.aggsortop <> 0 THEN g.aggsortop::regoperator END,
                                to_jsonb(g) - ARRAY['aggfnoid', 'aggtranstype', 'aggmtranstype',
                                                    'aggsortop', 'agginitval', 'aggminitval'],
                                'init ' || quote_literal(g.agginitval),
                                'moving init ' || quote_literal(g.aggminitval))
               FROM pg_catalog.pg_aggregate AS g WHERE g.aggfnoid = p.oid) END,
           CASE WHEN p.prokind = 'a' THEN 'parallel ' || p.proparallel::text END,
           'owner ' || quote_ident(pg_get_userbyid(p.proowner))),
       n.nspname || '.' || p.proname
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.oid >= 16384 AND p.pronamespace = ANY (%(schemas)s)
  AND p.oid <> ALL (%(member_functions)s)
