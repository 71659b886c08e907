-- How sequences count; where they are at is data.
SELECT c.oid::pg_catalog.regclass::text,
       pg_catalog.concat_ws(' ', s.seqtypid::pg_catalog.regtype, 'start', s.seqstart,
                            'increment', s.seqincrement, 'min', s.seqmin, 'max', s.seqmax,
                            'cache', s.seqcache, CASE WHEN s.seqcycle THEN 'cycle' END,
                            'owned by ' || (
                                SELECT d.refobjid::pg_catalog.regclass::text || '.'
                                       || pg_catalog.quote_ident(a.attname)
                                FROM pg_catalog.pg_depend AS d
                                JOIN pg_catalog.pg_attribute AS a
                                  ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                                WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                  AND d.objid = c.oid AND d.deptype IN ('a', 'i')
                                  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                  AND d.refobjsubid > 0))
FROM pg_catalog.pg_sequence AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
WHERE c.relnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    AND d.objid = c.oid AND d.deptype = 'e')
