-- meshmigrate: allow DeletesData the rows are copied into the partitions first
-- Deliveries by month, so that old ones can be dropped instead of deleted.
-- Run twice, this would throw the data away: it's the ledger that keeps it from that.
create table public.deliveries_by_month (
    id uuid not null default gen_random_uuid(),
    endpoint_id uuid not null references public.endpoints (id) on delete cascade,
    payload jsonb not null,
    received_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    status public.delivery_status not null default 'pending',
    primary key (id, received_at)
) partition by range (received_at);

create index deliveries_by_month_endpoint
    on public.deliveries_by_month (endpoint_id, received_at desc);

-- From the oldest delivery's month to two months ahead; which ones exist depends on the day.
do $block$
declare
    first_day date := date_trunc(
        'month', least(current_date, (select min(received_at) from public.deliveries))
    );
    partition text;
begin
    while first_day <= current_date + interval '2 months' loop
        partition := to_char(first_day, '"deliveries_y"YYYY"m"MM');
        execute format(
            'create table public.%I partition of public.deliveries_by_month
                for values from (%L) to (%L);',
            partition, first_day, first_day + interval '1 month'
        );
        -- A partition can be read by its own name: the parent's policies don't hold there.
        execute format('alter table public.%I enable row level security;', partition);
        first_day := first_day + interval '1 month';
    end loop;
end;
$block$;

insert into public.deliveries_by_month (id, endpoint_id, payload, received_at, updated_at, status)
select id, endpoint_id, payload, received_at, updated_at, status from public.deliveries;

-- Takes three things with it: the view, a policy that reads this table, and the attempts' foreign
-- key, which can't come back: the new primary key isn't the id alone.
drop table public.deliveries cascade;
alter table public.deliveries_by_month rename to deliveries;

alter table public.deliveries enable row level security;
create policy "members see their deliveries" on public.deliveries
    for select using (endpoint_id in (select id from public.endpoints));
create policy "members see their attempts" on public.delivery_attempts
    for select using (delivery_id in (select id from public.deliveries));
create trigger deliveries_touch before update on public.deliveries
    for each row execute function public.touch();

create view public.delivery_overview with (security_barrier = true) as
select
    t.slug as tenant, e.url, d.status,
    count(*) as deliveries, max(d.received_at) as last_received_at
from public.deliveries as d
join public.endpoints as e on e.id = d.endpoint_id
join public.tenants as t on t.id = e.tenant_id
where public.is_member(t.id)
group by t.slug, e.url, d.status;

comment on table public.deliveries is 'One row per webhook, a partition per month.';
comment on view public.delivery_overview is 'What arrived, per endpoint and status; a member''s own tenants only.';

notify pgrst, 'reload schema';
