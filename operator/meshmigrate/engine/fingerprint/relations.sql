-- Tables, partitioned tables, foreign tables, views, materialized views and sequences as such.
SELECT c.oid::regclass::text,
       concat_ws(' ',
           CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table'
               WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view'
               WHEN 'm' THEN 'materialized view' ELSE 'sequence' END,
           CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
           'of ' || CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype::text END,
           -- 2 is heap (pg_am.dat).
           'using ' || CASE WHEN c.relam NOT IN (0, 2) THEN (
               SELECT quote_ident(m.amname) FROM pg_catalog.pg_am AS m
               WHERE m.oid = c.relam) END,
           'tablespace ' || CASE WHEN c.reltablespace <> 0 THEN (
               SELECT quote_ident(s.spcname) FROM pg_catalog.pg_tablespace AS s
               WHERE s.oid = c.reltablespace) END,
           'owner ' || quote_ident(pg_get_userbyid(c.relowner)),
           CASE WHEN c.relrowsecurity THEN 'row level security' END,
           CASE WHEN c.relforcerowsecurity THEN 'force row level security' END,
           CASE WHEN c.relkind IN ('r', 'p') AND c.relreplident <> 'd'
               THEN 'replica identity ' || c.relreplident::text END,
           CASE WHEN c.relkind = 'm' AND NOT c.relispopulated THEN 'not populated' END,
           'options ' || CASE WHEN c.reloptions IS NOT NULL THEN (
               SELECT string_agg(o, ',' ORDER BY o) FROM unnest(c.reloptions) AS o) END,
           'toast options ' || CASE WHEN c.reltoastrelid <> 0 THEN (
               SELECT string_agg(o, ',' ORDER BY o)
               FROM pg_catalog.pg_class AS t CROSS JOIN LATERAL unnest(t.reloptions) AS o
               WHERE t.oid = c.reltoastrelid) END,
           'partition by ' || CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
           'inherits ' || (
               SELECT string_agg(i.inhparent::regclass::text
                                 || CASE WHEN i.inhdetachpending THEN ' (detach pending)'
                                    ELSE '' END, ',' ORDER BY i.inhseqno)
               FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = c.oid),
           pg_get_expr(c.relpartbound, c.oid)),
       n.nspname || '.' || c.relname
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
  AND c.relnamespace = ANY (%(schemas)s)
  AND c.oid <> ALL (%(member_relations)s)
