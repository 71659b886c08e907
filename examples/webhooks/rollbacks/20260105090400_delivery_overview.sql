drop view public.delivery_overview;
