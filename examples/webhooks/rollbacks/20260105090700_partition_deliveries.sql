-- One table again, made under its final name: PostgreSQL names constraints after it.
alter table public.deliveries rename to deliveries_by_month;

create table public.deliveries (
    id uuid primary key default gen_random_uuid(),
    endpoint_id uuid not null references public.endpoints (id) on delete cascade,
    payload jsonb not null,
    received_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    status public.delivery_status not null default 'pending'
);

insert into public.deliveries (id, endpoint_id, payload, received_at, updated_at, status)
select id, endpoint_id, payload, received_at, updated_at, status from public.deliveries_by_month;

-- With its partitions, the view and the policy that reads it.
drop table public.deliveries_by_month cascade;

create index deliveries_endpoint on public.deliveries (endpoint_id, received_at desc);

alter table public.deliveries enable row level security;
create policy "members see their deliveries" on public.deliveries
    for select using (endpoint_id in (select id from public.endpoints));
create policy "members see their attempts" on public.delivery_attempts
    for select using (delivery_id in (select id from public.deliveries));
create trigger deliveries_touch before update on public.deliveries
    for each row execute function public.touch();

-- Attempts of deliveries that were deleted while no foreign key looked after them.
delete from public.delivery_attempts as a
where not exists (select from public.deliveries as d where d.id = a.delivery_id);
alter table public.delivery_attempts
    add constraint delivery_attempts_delivery_id_fkey
    foreign key (delivery_id) references public.deliveries (id) on delete cascade;

create view public.delivery_overview with (security_barrier = true) as
select
    t.slug as tenant, e.url, d.status,
    count(*) as deliveries, max(d.received_at) as last_received_at
from public.deliveries as d
join public.endpoints as e on e.id = d.endpoint_id
join public.tenants as t on t.id = e.tenant_id
where public.is_member(t.id)
group by t.slug, e.url, d.status;

comment on view public.delivery_overview is 'What arrived, per endpoint and status; a member''s own tenants only.';

notify pgrst, 'reload schema';
