-- A hosted platform brings the schema "auth" along; it isn't ours to migrate there.
-- Here it's made, so that the example runs on any PostgreSQL.

create schema auth;

create table auth.users (
    id uuid primary key default gen_random_uuid(),
    email text not null unique,
    created_at timestamptz not null default now()
);

comment on table auth.users is 'The platform''s users; "public" refers to them; it never changes them.';

-- The user of the request, or null: the API puts the token's subject into this setting.
create function auth.uid() returns uuid
language sql stable
as $$
    select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid;
$$;
