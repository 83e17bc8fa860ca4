	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $refuse$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = 'events cannot be updated',
		DETAIL = 'An event is published as it was inserted.',
		HINT = 'Insert another event; rows that are not needed may be deleted.';
END
$refuse$;
