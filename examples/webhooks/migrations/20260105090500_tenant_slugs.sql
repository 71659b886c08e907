alter table public.tenants add column slug text;

update public.tenants
set slug = trim(both '-' from lower(regexp_replace(name, '[^[:alnum:]]+', '-', 'g')));

alter table public.tenants alter column slug set not null;
alter table public.tenants add constraint tenants_slug_key unique (slug);

comment on column public.tenants.slug is 'The tenant''s name in addresses: /t/<slug>.';

notify pgrst, 'reload schema';
