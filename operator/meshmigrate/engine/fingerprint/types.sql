-- Enums with their labels in order, domains, composite and range types.
SELECT t.oid::pg_catalog.regtype::text,
       pg_catalog.concat_ws(' ',
           CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite'
               WHEN 'r' THEN 'range' ELSE 'base ' || t.typtype::text END,
           (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ','
                                         ORDER BY e.enumsortorder)
            FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid),
           CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END,
           CASE WHEN t.typnotnull THEN 'not null' END,
           'default ' || t.typdefault,
           (SELECT 'of ' || pg_catalog.format_type(g.rngsubtype, NULL)
            FROM pg_catalog.pg_range AS g WHERE g.rngtypid = t.oid),
           'owner ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(t.typowner)))
FROM pg_catalog.pg_type AS t
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
WHERE t.typnamespace = ANY (%(schemas)s)
  AND (t.typtype IN ('e', 'd', 'r', 'b') OR (t.typtype = 'c' AND c.relkind = 'c'))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS e WHERE e.typarray = t.oid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
                    AND d.objid = t.oid AND d.deptype = 'e')
