drop view public.delivery_overview;
drop table public.endpoint_labels;

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
