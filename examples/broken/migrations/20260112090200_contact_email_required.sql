-- Support has asked every tenant for an address, so from now on it's required.
-- (Not every tenant has answered; nobody looked.)
alter table public.tenants alter column contact_email set not null;
