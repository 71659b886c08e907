-- The view selects from the table that changes, so it goes and comes back.
drop view public.delivery_overview;

create type public.delivery_status as enum ('pending', 'delivered', 'failed');

alter table public.deliveries add column status public.delivery_status default 'pending';

update public.deliveries as d
set status = case
    when exists (
        select from public.delivery_attempts as a
        where a.delivery_id = d.id and a.status_code between 200 and 299
    ) then 'delivered'::public.delivery_status
    else 'failed'::public.delivery_status
end;

alter table public.deliveries alter column status set not null;

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
