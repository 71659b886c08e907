create extension if not exists pg_trgm with schema public;

create table public.tenants (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    created_at timestamptz not null default now()
);

create table public.memberships (
    tenant_id uuid not null references public.tenants (id) on delete cascade,
    user_id uuid not null references auth.users (id) on delete cascade,
    role text not null default 'member' check (role in ('owner', 'member')),
    primary key (tenant_id, user_id)
);

create index tenants_name_search on public.tenants using gin (name public.gin_trgm_ops);

-- Without policies nobody but the owner sees a row; they're in the next file.
alter table public.tenants enable row level security;
alter table public.memberships enable row level security;

comment on table public.tenants is 'Who receives webhooks.';
comment on column public.memberships.role is 'owner: may change the tenant; member: may look.';

insert into public.tenants (name) values ('Sandbox'), ('Ada''s Workshop');
