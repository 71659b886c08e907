drop function auth.uid();
drop table auth.users;
drop schema auth;
