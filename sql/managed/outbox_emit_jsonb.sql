	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $emit$
BEGIN
	RETURN outbox.emit($1, $2, $3, $4::text::json, $5, $6);
END
$emit$;
