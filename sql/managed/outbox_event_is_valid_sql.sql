	/* With the rights of who inserts: outbox-replayed is for the owner, as whom outbox.redrive() runs. */
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $valid$
DECLARE
	missing text := CASE WHEN $1 IS NULL THEN 'id' WHEN $8 IS NULL THEN 'created_at' WHEN $9 IS NULL THEN 'xid' END;
	max_type_bytes CONSTANT int4 := 236;
	max_headers CONSTANT int4 := 60;
	max_header_bytes CONSTANT int4 := 1024 * 1024;
	setting record;
	size int8;
	illegal int4;
	header record;
	part record;
BEGIN
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'not_null_violation', MESSAGE = missing || ' must not be null',
			DETAIL = 'Every event has one.', HINT = 'Leave the column out: it has a default.';
	END IF;

	SELECT l.max_event_bytes, l.allowed_types INTO setting FROM outbox.limits() AS l;
	IF $2 IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'not_null_violation', MESSAGE = 'aggregatetype must not be null',
			DETAIL = 'It names the topic of the event.', HINT = 'Pass a name such as "order".';
	ELSIF octet_length($2) NOT BETWEEN 1 AND max_type_bytes THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('aggregatetype must have 1 to %s characters', max_type_bytes),
			DETAIL = format('It has %s bytes.', octet_length($2)),
			HINT = 'The topic is named "outbox.event.<aggregatetype>".';
	END IF;
	illegal := length(substring($2 COLLATE "C" FROM '^[A-Za-z0-9._-]*'));
	IF illegal < length($2) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('aggregatetype "%s" makes no legal topic', $2),
			DETAIL = format('The character at position %s is not allowed.', illegal + 1),
			HINT = 'Use letters, digits, ".", "_" and "-".';
	ELSIF $2 <> ALL (setting.allowed_types) AND cardinality(setting.allowed_types) > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('aggregatetype "%s" is not allowed', $2),
			DETAIL = 'It is not in outbox.setting.allowed_types.', HINT = 'Ask an administrator to add it.';
	ELSIF $5 IS NOT NULL AND $6 IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'payload and payload_bytes must not both be set',
			DETAIL = 'An event has one payload, or none.', HINT = 'Leave one of them null; with both null the event is a tombstone.';
	END IF;

	size := octet_length($2) + coalesce(octet_length($3), 0) + coalesce(octet_length($4), 0)
		+ coalesce(octet_length($5::text), 0) + coalesce(octet_length($6), 0) + coalesce(octet_length($7::text), 0);
	IF size > setting.max_event_bytes THEN
		RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = 'event is too large',
			DETAIL = format('It has %s bytes, the limit is %s.', size, setting.max_event_bytes),
			HINT = 'Store the data elsewhere and send a reference, or raise outbox.setting.max_event_bytes together with the topic''s max.message.bytes and the relay''s kafka.message.max.bytes.';
	END IF;

	/* A walsender that cannot convert a row fails, again and again. */
	IF getdatabaseencoding() <> 'UTF8' THEN
		BEGIN
			FOR part IN
				SELECT p.name, p.value
				  FROM (VALUES ('aggregateid', $3), ('type', $4), ('payload', $5::text), ('headers', $7::text)) AS p (name, value)
				 WHERE p.value IS NOT NULL
			LOOP
				PERFORM convert_to(part.value, 'UTF8');
			END LOOP;
		EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character OR undefined_function THEN
			RAISE EXCEPTION USING ERRCODE = 'character_not_in_repertoire',
				MESSAGE = format('%s cannot be sent as UTF-8', part.name),
				DETAIL = format('The database''s encoding is %s, and it holds something that UTF-8 does not have.', getdatabaseencoding()),
				HINT = 'Events leave the server as UTF-8. A payload that is no text can be passed as bytea.';
		END;
	END IF;

	IF $7 IS NULL THEN
		RETURN true;
	ELSIF jsonb_typeof($7) <> 'object' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'headers must be a JSON object',
			DETAIL = 'They are an array or a single value.', HINT = 'Pass an object such as {"tenant": "north"}.';
	ELSIF (SELECT count(*) FROM jsonb_object_keys($7) AS k WHERE k <> 'outbox-replayed') > max_headers THEN
		RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = 'too many headers',
			DETAIL = format('There are %s, the limit is %s.', (SELECT count(*) FROM jsonb_object_keys($7)), max_headers),
			HINT = 'Put some of them into the payload.';
	ELSIF octet_length($7::text) > max_header_bytes THEN
		RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = 'headers are too large',
			DETAIL = format('They have %s bytes, the limit is %s.', octet_length($7::text), max_header_bytes),
			HINT = 'Put some of them into the payload.';
	END IF;
	FOR header IN SELECT e.key, jsonb_typeof(e.value) AS type FROM jsonb_each($7) AS e LOOP
		IF header.key IN ('id', 'type', 'outbox-position')
		   OR (header.key = 'outbox-replayed'
			   AND NOT pg_has_role((SELECT c.relowner FROM pg_class AS c WHERE c.oid = 'outbox.event'::regclass), 'USAGE')) THEN
			RAISE EXCEPTION USING ERRCODE = 'reserved_name', MESSAGE = format('header "%s" is reserved', header.key),
				DETAIL = 'outbox-relay writes a header of this name to every record.', HINT = 'Choose another name.';
		ELSIF header.type IN ('object', 'array') THEN
			RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'headers must be a flat JSON object',
				DETAIL = 'The value of a header is an object or an array.',
				HINT = 'Pass nested values as text, or put them into the payload.';
		END IF;
	END LOOP;
	RETURN true;
END
$valid$;
