-- Extensions with their versions, not their members.
SELECT 'extension ' || quote_ident(x.extname),
       x.extversion || ' in ' || x.extnamespace::regnamespace::text
           || ' owner ' || quote_ident(pg_get_userbyid(x.extowner)),
       NULL
FROM pg_catalog.pg_extension AS x
