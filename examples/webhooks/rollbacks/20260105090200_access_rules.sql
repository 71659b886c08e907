drop policy "users see their own memberships" on public.memberships;
drop policy "members see their tenant" on public.tenants;
drop trigger welcome_user on auth.users;
drop function public.welcome_user();
drop function public.is_member(uuid);

notify pgrst, 'reload schema';
