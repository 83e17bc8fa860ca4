	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $emit$
DECLARE
	written uuid;
BEGIN
	INSERT INTO outbox.event AS e (id, aggregatetype, aggregateid, type, payload_bytes, headers)
	VALUES (coalesce($6, outbox.uuid7()), $1, $2, $3, $4, $5) RETURNING e.id INTO written;
	RETURN written;
END
$emit$;
