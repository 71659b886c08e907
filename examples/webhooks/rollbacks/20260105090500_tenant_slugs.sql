-- The slugs come from the names, so nothing is lost that can't be made again.
alter table public.tenants drop column slug;

notify pgrst, 'reload schema';
