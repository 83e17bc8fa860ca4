	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $emit$
DECLARE
	parsed json;
	written uuid;
BEGIN
	/* The server's own error would show the payload. */
	BEGIN
		parsed := $4::json;
	EXCEPTION WHEN invalid_text_representation OR untranslatable_character THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_text_representation', MESSAGE = 'payload is not valid JSON',
			DETAIL = 'json does not take it.', HINT = 'Pass a payload that is not JSON as bytea.';
	END;
	INSERT INTO outbox.event AS e (id, aggregatetype, aggregateid, type, payload, headers)
	VALUES (coalesce($6, outbox.uuid7()), $1, $2, $3, parsed, $5) RETURNING e.id INTO written;
	RETURN written;
END
$emit$;
