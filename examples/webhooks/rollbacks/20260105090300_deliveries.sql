drop table public.delivery_attempts;
drop table public.deliveries;
drop table public.endpoints;

drop trigger tenants_touch on public.tenants;
alter table public.tenants drop column updated_at;
drop function public.touch();
