-- A delivery that arrives now must find its month, and so must one at the end of the next.
select count(*) = 2 as this_and_the_next_month_have_a_partition
from pg_catalog.pg_inherits as i
join pg_catalog.pg_class as c on c.oid = i.inhrelid
where i.inhparent = 'public.deliveries'::regclass
    and c.relname in (
        to_char(current_date, '"deliveries_y"YYYY"m"MM'),
        to_char(current_date + interval '1 month', '"deliveries_y"YYYY"m"MM')
    );
