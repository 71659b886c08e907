-- Columns by name: a column that was dropped and added again is the same one at another place. That
-- place, of columns of tables, and the name alone make the order of columns.
-- pg_attver is a mark of the server's own on columns, another one each time they are made
-- (measured: 15.20 has it, 15.18 does not).
SELECT c.oid::regclass::text || '.' || quote_ident(a.attname),
       concat_ws(' ',
           format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attnotnull THEN 'not null' END,
           CASE WHEN a.attidentity <> '' THEN 'identity ' || a.attidentity::text END,
           CASE a.attgenerated WHEN 's' THEN 'generated stored' WHEN 'v' THEN 'generated virtual'
               ELSE CASE WHEN a.atthasdef THEN 'default' END END,
           CASE WHEN a.atthasdef THEN (
               SELECT pg_get_expr(f.adbin, f.adrelid) FROM pg_catalog.pg_attrdef AS f
               WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum) END,
           'collate ' || CASE WHEN a.attcollation <> t.typcollation
                         THEN a.attcollation::regcollation::text END,
           CASE WHEN a.attstorage <> t.typstorage THEN 'storage ' || a.attstorage::text END,
           CASE WHEN a.attcompression <> '' THEN 'compression ' || a.attcompression::text END,
           CASE WHEN a.attstattarget >= 0 THEN 'statistics ' || a.attstattarget END,
           CASE WHEN NOT a.attislocal THEN 'inherited' END,
           'options ' || CASE WHEN cardinality(a.attoptions) > 1
                                OR a.attoptions[1] NOT LIKE 'pg\_attver=%%' THEN (
               SELECT string_agg(o, ',' ORDER BY o) FROM unnest(a.attoptions) AS o
               WHERE o NOT LIKE 'pg\_attver=%%') END,
           'foreign options ' || CASE WHEN a.attfdwoptions IS NOT NULL THEN (
               SELECT string_agg(o.option_name || ' ' || quote_literal(o.option_value), ','
                                 ORDER BY o.option_name)
               FROM pg_options_to_table(a.attfdwoptions) AS o) END),
       n.nspname || '.' || c.relname,
       CASE WHEN c.relkind IN ('r', 'p', 'f') THEN a.attnum END,
       quote_ident(a.attname)
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
  AND c.relnamespace = ANY (%(schemas)s)
  AND c.oid <> ALL (%(member_relations)s)
