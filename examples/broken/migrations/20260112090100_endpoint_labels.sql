create table public.endpoint_labels (
    endpoint_id uuid not null references public.endpoints (id) on delete cascade,
    label text not null,
    primary key (endpoint_id, label)
);

alter table public.endpoint_labels enable row level security;
create policy "members see their labels" on public.endpoint_labels
    for select using (endpoint_id in (select id from public.endpoints));

drop view public.delivery_overview;
create view public.delivery_overview with (security_barrier = true) as
select
    t.slug as tenant, e.url, d.status,
    count(*) as deliveries, max(d.received_at) as last_received_at,
    array(
        select l.label from public.endpoint_labels as l
        where l.endpoint_id = e.id order by l.label
    ) as labels
from public.deliveries as d
join public.endpoints as e on e.id = d.endpoint_id
join public.tenants as t on t.id = e.tenant_id
where public.is_member(t.id)
group by t.slug, e.id, e.url, d.status;
