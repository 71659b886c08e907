-- Runs as its owner, so that it doesn't ask the policies that ask it.
create function public.is_member(tenant uuid) returns boolean
language sql stable security definer
set search_path = ''
as $function$
    select exists (
        select from public.memberships as m
        where m.tenant_id = is_member.tenant and m.user_id = auth.uid()
    );
$function$;

create function public.welcome_user() returns trigger
language plpgsql security definer
set search_path = ''
as $function$
begin
    -- Everybody's first tenant; it's shared, so there is nothing to own.
    insert into public.memberships (tenant_id, user_id)
    select t.id, new.id from public.tenants as t where t.name = 'Sandbox';
    return new;
end;
$function$;

revoke execute on function public.welcome_user() from public;

create trigger welcome_user after insert on auth.users
    for each row execute function public.welcome_user();

create policy "members see their tenant" on public.tenants
    for select using (public.is_member(id));
create policy "users see their own memberships" on public.memberships
    for select using (user_id = auth.uid());

notify pgrst, 'reload schema';
