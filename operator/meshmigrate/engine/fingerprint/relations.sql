-- Tables, partitioned tables, foreign tables, views, materialized views and sequences as such.
SELECT c.oid::pg_catalog.regclass::text,
       pg_catalog.concat_ws(' ',
           CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table'
               WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view'
               WHEN 'm' THEN 'materialized view' ELSE 'sequence' END,
           CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
           'owner ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(c.relowner)),
           CASE WHEN c.relrowsecurity THEN 'row level security' END,
           CASE WHEN c.relforcerowsecurity THEN 'force row level security' END,
           CASE WHEN c.relkind IN ('r', 'p') AND c.relreplident <> 'd'
               THEN 'replica identity ' || c.relreplident::text END,
           'options ' || (SELECT pg_catalog.string_agg(o, ',' ORDER BY o)
                          FROM pg_catalog.unnest(c.reloptions) AS o),
           'partition by ' || CASE WHEN c.relkind = 'p'
                              THEN pg_catalog.pg_get_partkeydef(c.oid) END,
           'inherits ' || (SELECT pg_catalog.string_agg(i.inhparent::pg_catalog.regclass::text,
                                                        ',' ORDER BY i.inhseqno)
                           FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = c.oid),
           pg_catalog.pg_get_expr(c.relpartbound, c.oid))
FROM pg_catalog.pg_class AS c
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
  AND c.relnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    AND d.objid = c.oid AND d.deptype = 'e')
