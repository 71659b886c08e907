drop table public.memberships;
drop table public.tenants;
drop extension pg_trgm;
