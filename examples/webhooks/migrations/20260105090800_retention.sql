create function public.drop_deliveries_before(oldest date) returns integer
language plpgsql security definer
set search_path = ''
as $function$
declare
    partition text;
    dropped integer := 0;
begin
    for partition in
        select c.relname
        from pg_catalog.pg_inherits as i
        join pg_catalog.pg_class as c on c.oid = i.inhrelid
        where i.inhparent = 'public.deliveries'::regclass
            and c.relname < to_char(oldest, '"deliveries_y"YYYY"m"MM')
    loop
        execute format('drop table public.%I;', partition);
        dropped := dropped + 1;
    end loop;
    return dropped;
end;
$function$;

revoke execute on function public.drop_deliveries_before(date) from public;

comment on function public.drop_deliveries_before(date) is
    'Drops the months before the given day''s and says how many; the given month stays.';

-- Called once a night by the scheduler; it doesn't need a table's lock for longer than a moment