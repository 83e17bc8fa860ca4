	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $emit$
DECLARE
	parsed json;
BEGIN
	/* The server's own error would show the payload. */
	BEGIN
		parsed := $4::json;
	EXCEPTION WHEN invalid_text_representation OR untranslatable_character THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_text_representation', MESSAGE = 'payload is not valid JSON',
			DETAIL = 'json does not take it.', HINT = 'Pass a payload that is not JSON as bytea.';
	END;
	RETURN outbox.emit($1, $2, $3, parsed, $5, $6);
END
$emit$;
