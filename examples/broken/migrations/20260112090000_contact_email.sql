alter table public.tenants add column contact_email text check (contact_email like '%@%');

comment on column public.tenants.contact_email is 'Who is told when a tenant''s endpoint keeps failing.';
