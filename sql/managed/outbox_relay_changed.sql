	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $changed$
BEGIN
	RETURN NULL;
END
$changed$;
