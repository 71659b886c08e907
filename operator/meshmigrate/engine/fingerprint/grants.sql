-- Privileges, one object for each of schema, relation, column, function and type. A missing list
-- stands for the default one, so granting and revoking again leaves no trace.
SELECT o.object,
       coalesce((SELECT pg_catalog.string_agg(
                            CASE g.grantee WHEN 0 THEN 'PUBLIC'
                            ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END
                            || ' ' || g.privilege_type
                            || CASE WHEN g.is_grantable THEN ' with grant option' ELSE '' END,
                            ', ' ORDER BY g.grantee = 0,
                            pg_catalog.pg_get_userbyid(g.grantee), g.privilege_type,
                            g.is_grantable)
                 FROM pg_catalog.aclexplode(o.acl) AS g), 'nobody')
FROM (
    SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass AS class, n.oid,
           'schema ' || pg_catalog.quote_ident(n.nspname) AS object,
           coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)) AS acl
    FROM pg_catalog.pg_namespace AS n WHERE n.oid = ANY (%(schemas)s)
    UNION ALL
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.oid::pg_catalog.regclass::text,
           coalesce(c.relacl, pg_catalog.acldefault(
               CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
    FROM pg_catalog.pg_class AS c
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND c.relnamespace = ANY (%(schemas)s)
    UNION ALL
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid,
           c.oid::pg_catalog.regclass::text || '.' || pg_catalog.quote_ident(a.attname), a.attacl
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    WHERE a.attacl IS NOT NULL AND pg_catalog.cardinality(a.attacl) > 0 AND NOT a.attisdropped
      AND c.relnamespace = ANY (%(schemas)s)
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, p.oid::pg_catalog.regprocedure::text,
           coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
    FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = ANY (%(schemas)s)
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, 'type ' || t.oid::pg_catalog.regtype,
           coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner))
    FROM pg_catalog.pg_type AS t
    LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
    WHERE t.typnamespace = ANY (%(schemas)s)
      AND (t.typtype IN ('e', 'd', 'r', 'b') OR (t.typtype = 'c' AND c.relkind = 'c'))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS e WHERE e.typarray = t.oid)
) AS o
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
