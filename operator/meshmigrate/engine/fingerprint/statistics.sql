-- Extended statistics; what has been collected is data.
SELECT quote_ident(n.nspname) || '.' || quote_ident(s.stxname),
       concat_ws(' ', pg_get_statisticsobjdef(s.oid),
                 CASE WHEN s.stxstattarget >= 0 THEN 'statistics ' || s.stxstattarget END,
                 'owner ' || quote_ident(pg_get_userbyid(s.stxowner))),
       r.nspname || '.' || c.relname
FROM pg_catalog.pg_statistic_ext AS s
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
JOIN pg_catalog.pg_class AS c ON c.oid = s.stxrelid
JOIN pg_catalog.pg_namespace AS r ON r.oid = c.relnamespace
WHERE s.stxnamespace = ANY (%(schemas)s)
