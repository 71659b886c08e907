-- Privileges, one object for each thing that can have them. A missing list stands for the default
-- one, so granting and revoking again leaves no trace. Large objects are data.
-- Most things have the list of many others, so each list is put into words once.
WITH listed AS MATERIALIZED (
    SELECT o.object, o.owner, o.acl, o.about FROM (
    SELECT 'pg_catalog.pg_namespace'::regclass AS class, n.oid,
           'schema ' || quote_ident(n.nspname) AS object, n.nspowner AS owner,
           coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl, n.nspname::text AS about
    FROM pg_catalog.pg_namespace AS n WHERE n.oid = ANY (%(schemas)s)
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, c.oid, c.oid::regclass::text, c.relowner,
           coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char",
                                         c.relowner)),
           n.nspname || '.' || c.relname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND c.relnamespace = ANY (%(schemas)s)
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, c.oid,
           c.oid::regclass::text || '.' || quote_ident(a.attname), c.relowner, a.attacl,
           n.nspname || '.' || c.relname
    FROM (SELECT a.attrelid, a.attname, a.attacl FROM pg_catalog.pg_attribute AS a
          WHERE cardinality(a.attacl) > 0 AND NOT a.attisdropped OFFSET 0) AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relnamespace = ANY (%(schemas)s)
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::regclass, p.oid, p.oid::regprocedure::text, p.proowner,
           coalesce(p.proacl, acldefault('f', p.proowner)), n.nspname || '.' || p.proname
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.oid >= 16384 AND p.pronamespace = ANY (%(schemas)s)
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, t.oid, 'type ' || t.oid::regtype, t.typowner,
           coalesce(t.typacl, acldefault('T', t.typowner)), n.nspname || '.' || t.typname
    FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE t.oid = ANY (%(types)s)
    UNION ALL
    SELECT 'pg_catalog.pg_language'::regclass, l.oid, 'language ' || quote_ident(l.lanname),
           l.lanowner, coalesce(l.lanacl, acldefault('l', l.lanowner)), NULL
    FROM pg_catalog.pg_language AS l WHERE l.lanispl
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_data_wrapper'::regclass, w.oid,
           'wrapper ' || quote_ident(w.fdwname), w.fdwowner,
           coalesce(w.fdwacl, acldefault('F', w.fdwowner)), NULL
    FROM pg_catalog.pg_foreign_data_wrapper AS w
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_server'::regclass, s.oid, 'server ' || quote_ident(s.srvname),
           s.srvowner, coalesce(s.srvacl, acldefault('S', s.srvowner)), NULL
    FROM pg_catalog.pg_foreign_server AS s
    UNION ALL
    SELECT 'pg_catalog.pg_database'::regclass, b.oid, 'database', b.datdba,
           coalesce(b.datacl, acldefault('d', b.datdba)), NULL
    FROM pg_catalog.pg_database AS b WHERE b.datname = current_database()
) AS o
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                      WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e'
                        AND d.refclassid = 'pg_catalog.pg_extension'::regclass)
), worded AS MATERIALIZED (
    SELECT k.owner, k.acl, coalesce((
        SELECT string_agg(g.line, ', ' ORDER BY g.line)
        FROM (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC'
                     ELSE quote_ident(pg_get_userbyid(a.grantee)) END
                     || ' ' || a.privilege_type
                     || CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END
                     || CASE WHEN a.grantor = k.owner THEN ''
                        ELSE ' by ' || quote_ident(pg_get_userbyid(a.grantor)) END
              FROM aclexplode(k.acl) AS a) AS g (line)), 'nobody') AS words
    FROM (SELECT DISTINCT l.owner, l.acl FROM listed AS l) AS k
)
SELECT l.object, w.words, l.about
FROM listed AS l JOIN worded AS w ON w.owner = l.owner AND w.acl = l.acl
