-- What lies in "public" is served to everyone: a table without row level security leaks its rows.
select
    count(*) = 0 as every_table_has_row_level_security,
    string_agg(format('%I.%I', n.nspname, c.relname), ', ' order by c.relname) as tables_without
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relrowsecurity;
