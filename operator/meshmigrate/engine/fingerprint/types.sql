-- Enums with their labels in order, domains, composite, range and base types.
SELECT t.oid::regtype::text,
       concat_ws(' ',
           CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite'
               WHEN 'r' THEN 'range' ELSE 'base ' || t.typtype::text END,
           (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder)
            FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid),
           CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
           CASE WHEN t.typtype = 'd' AND t.typcollation <> (
               SELECT b.typcollation FROM pg_catalog.pg_type AS b WHERE b.oid = t.typbasetype)
               THEN 'collate ' || t.typcollation::regcollation::text END,
           CASE WHEN t.typnotnull THEN 'not null' END,
           'default ' || CASE t.typtype WHEN 'd' THEN t.typdefault
                         ELSE quote_literal(t.typdefault) END,
           CASE WHEN t.typtype = 'b' THEN to_jsonb(t) - ARRAY[
               'oid', 'typname', 'typnamespace', 'typowner', 'typrelid', 'typelem', 'typarray',
               'typbasetype', 'typcollation', 'typdefaultbin', 'typdefault', 'typacl'] END,
           'element ' || CASE WHEN t.typtype = 'b' AND t.typelem <> 0
                         THEN t.typelem::regtype::text END,
           CASE WHEN t.typtype = 'b' AND t.typcollation <> 0 THEN 'collatable' END,
           (SELECT concat_ws(' ', 'of', format_type(g.rngsubtype, NULL),
                             'multirange', g.rngmultitypid::regtype,
                             'collation ' || CASE WHEN g.rngcollation <> 0
                                             THEN g.rngcollation::regcollation::text END,
                             'class ' || o.opcnamespace::regnamespace || '.'
                                 || quote_ident(o.opcname),
                             'canonical', g.rngcanonical, 'difference', g.rngsubdiff)
            FROM pg_catalog.pg_range AS g
            JOIN pg_catalog.pg_opclass AS o ON o.oid = g.rngsubopc WHERE g.rngtypid = t.oid),
           'owner ' || quote_ident(pg_get_userbyid(t.typowner))),
       n.nspname || '.' || t.typname
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
WHERE t.oid = ANY (%(types)s)
