-- Collations; the version is that of the library when it was made, which a restore changes.
SELECT c.oid::regcollation::text,
       concat_ws(' ', jsonb_strip_nulls(to_jsonb(c) - ARRAY[
                     'oid', 'collname', 'collnamespace', 'collowner', 'collversion']),
                 'owner ' || quote_ident(pg_get_userbyid(c.collowner))),
       n.nspname || '.' || c.collname
FROM pg_catalog.pg_collation AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.collnamespace
WHERE c.collnamespace = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_collation'::regclass
                    AND d.objid = c.oid AND d.deptype = 'e')
