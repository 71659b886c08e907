alter table public.tenants drop column contact_email;
