-- Operators, and the classes and families by which indexes use them.
SELECT 'operator ' || o.oid::regoperator::text,
       concat_ws(' ', 'returns', o.oprresult::regtype, 'by', o.oprcode,
                 'commutator ' || CASE WHEN o.oprcom <> 0 THEN o.oprcom::regoperator::text END,
                 'negator ' || CASE WHEN o.oprnegate <> 0 THEN o.oprnegate::regoperator::text END,
                 'restrict', o.oprrest, 'join', o.oprjoin,
                 CASE WHEN o.oprcanhash THEN 'hashes' END,
                 CASE WHEN o.oprcanmerge THEN 'merges' END,
                 'owner ' || quote_ident(pg_get_userbyid(o.oprowner))),
       n.nspname || '.' || o.oprname
FROM pg_catalog.pg_operator AS o
JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
WHERE o.oprnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_operator'::regclass
                    AND d.objid = o.oid AND d.deptype = 'e')
UNION ALL
SELECT concat_ws(' ', 'class', quote_ident(n.nspname) || '.' || quote_ident(c.opcname), 'using',
                 m.amname),
       concat_ws(' ', 'for', c.opcintype::regtype, CASE WHEN c.opcdefault THEN 'default' END,
                 'storage ' || CASE WHEN c.opckeytype <> 0 THEN c.opckeytype::regtype::text END,
                 'family ' || quote_ident(fn.nspname) || '.' || quote_ident(f.opfname),
                 'owner ' || quote_ident(pg_get_userbyid(c.opcowner))),
       n.nspname || '.' || c.opcname
FROM pg_catalog.pg_opclass AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.opcnamespace
JOIN pg_catalog.pg_am AS m ON m.oid = c.opcmethod
JOIN pg_catalog.pg_opfamily AS f ON f.oid = c.opcfamily
JOIN pg_catalog.pg_namespace AS fn ON fn.oid = f.opfnamespace
WHERE c.opcnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_opclass'::regclass
                    AND d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT concat_ws(' ', 'family', quote_ident(n.nspname) || '.' || quote_ident(f.opfname), 'using',
                 m.amname),
       concat_ws(' ',
           (SELECT string_agg(concat_ws(' ', 'operator', o.amopstrategy, o.amopopr::regoperator,
                                        'for', o.amoppurpose,
                                        quote_ident(sf.opfname)), ', '
                              ORDER BY o.amoplefttype::regtype::text,
                                       o.amoprighttype::regtype::text, o.amopstrategy,
                                       o.amoppurpose)
            FROM pg_catalog.pg_amop AS o
            LEFT JOIN pg_catalog.pg_opfamily AS sf ON sf.oid = o.amopsortfamily
            WHERE o.amopfamily = f.oid),
           (SELECT string_agg(concat_ws(' ', 'function', p.amprocnum,
                                        p.amproclefttype::regtype, p.amprocrighttype::regtype,
                                        p.amproc::oid::regprocedure), ', '
                              ORDER BY p.amproclefttype::regtype::text,
                                       p.amprocrighttype::regtype::text, p.amprocnum)
            FROM pg_catalog.pg_amproc AS p WHERE p.amprocfamily = f.oid),
           'owner ' || quote_ident(pg_get_userbyid(f.opfowner))),
       n.nspname || '.' || f.opfname
FROM pg_catalog.pg_opfamily AS f
JOIN pg_catalog.pg_namespace AS n ON n.oid = f.opfnamespace
JOIN pg_catalog.pg_am AS m ON m.oid = f.opfmethod
WHERE f.opfnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_opfamily'::regclass
                    AND d.objid = f.oid AND d.deptype = 'e')
