-- What ALTER DEFAULT PRIVILEGES gives to objects made from now on.
SELECT concat_ws(' ', 'for', quote_ident(pg_get_userbyid(p.defaclrole)),
                 'in ' || quote_ident(n.nspname), 'on',
                 CASE p.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
                     WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas'
                     ELSE p.defaclobjtype::text END),
       coalesce((SELECT string_agg(g.line, ', ' ORDER BY g.line)
                 FROM (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC'
                              ELSE quote_ident(pg_get_userbyid(a.grantee)) END
                              || ' ' || a.privilege_type
                              || CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END
                       FROM aclexplode(p.defaclacl) AS a) AS g (line)), 'nobody'),
       n.nspname
FROM pg_catalog.pg_default_acl AS p
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = p.defaclnamespace
WHERE p.defaclnamespace = 0 OR p.defaclnamespace = ANY (%(schemas)s)
