	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $emit$
DECLARE
	written uuid;
BEGIN
	/* The check takes the row for one of the owner's. */
	IF $5 ? 'outbox-replayed' THEN
		RAISE EXCEPTION USING ERRCODE = 'reserved_name', MESSAGE = 'header "outbox-replayed" is reserved',
			DETAIL = 'outbox-relay writes a header of this name to every record.', HINT = 'Choose another name.';
	END IF;
	INSERT INTO outbox.event AS e (id, aggregatetype, aggregateid, type, payload_bytes, headers)
	VALUES (coalesce($6, outbox.uuid7()), $1, $2, $3, $4, $5) RETURNING e.id INTO written;
	RETURN written;
END
$emit$;
