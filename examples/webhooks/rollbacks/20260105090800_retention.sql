drop function public.drop_deliveries_before(date);
