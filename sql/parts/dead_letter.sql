/* ---- dead letters: events that a relay could not publish ---- */

/*
 * Columns of an event may be null here that are never null there: a row can have come past the checks.  number is
 * the order in which a relay met them, which is that of their positions.
 */
CREATE TABLE outbox.dead_letter (
	number int8 GENERATED ALWAYS AS IDENTITY,
	slot_name name NOT NULL,
	position text NOT NULL,
	topic text,
	reason text NOT NULL,
	errcode text,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	id uuid,
	aggregatetype text,
	aggregateid text,
	type text,
	payload json,
	payload_bytes bytea,
	headers jsonb,
	created_at timestamptz,
	redriven_at timestamptz,
	redriven_by name,
	CONSTRAINT dead_letter_pkey PRIMARY KEY (slot_name, position)
);
CREATE INDEX dead_letter_waiting ON outbox.dead_letter (slot_name) WHERE redriven_at IS NULL;
COMMENT ON TABLE outbox.dead_letter IS
	'events that a relay could not publish, written by it before it went on; outbox.redrive() sends them again';
COMMENT ON COLUMN outbox.dead_letter.number IS 'rises in the order in which they were met';
COMMENT ON COLUMN outbox.dead_letter.slot_name IS 'the relay that could not publish it';
COMMENT ON COLUMN outbox.dead_letter.position IS 'the position that the event has';
COMMENT ON COLUMN outbox.dead_letter.topic IS 'where it should have gone; null when it makes no topic';
COMMENT ON COLUMN outbox.dead_letter.reason IS 'why it could not be published, in words';
COMMENT ON COLUMN outbox.dead_letter.errcode IS 'Kafka''s name of the error; null when it was not Kafka that refused it';
COMMENT ON COLUMN outbox.dead_letter.at IS 'when it was given up';
COMMENT ON COLUMN outbox.dead_letter.id IS 'of the event';
COMMENT ON COLUMN outbox.dead_letter.aggregatetype IS 'of the event';
COMMENT ON COLUMN outbox.dead_letter.aggregateid IS 'of the event';
COMMENT ON COLUMN outbox.dead_letter.type IS 'of the event';
COMMENT ON COLUMN outbox.dead_letter.payload IS 'of the event';
COMMENT ON COLUMN outbox.dead_letter.payload_bytes IS 'of the event';
COMMENT ON COLUMN outbox.dead_letter.headers IS 'of the event';
COMMENT ON COLUMN outbox.dead_letter.created_at IS 'of the event';
COMMENT ON COLUMN outbox.dead_letter.redriven_at IS 'when outbox.redrive() wrote it to outbox.event again; null: not yet';
COMMENT ON COLUMN outbox.dead_letter.redriven_by IS 'whose session that was';
COMMENT ON SEQUENCE outbox.dead_letter_number_seq IS 'numbers dead letters';
COMMENT ON CONSTRAINT dead_letter_pkey ON outbox.dead_letter IS 'a relay that starts again writes no event twice';
COMMENT ON INDEX outbox.dead_letter_waiting IS 'those that outbox.status counts';

/*
 * With the rights of the owner of outbox.event, whom alone the checks allow the header outbox-replayed.  Of two
 * calls at once the second waits for the rows that the first has marked, and finds them marked.
 */
CREATE FUNCTION outbox.redrive(ids uuid[] DEFAULT NULL, slot name DEFAULT NULL,
		since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS int8
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $redrive$
DECLARE
	written int8;
BEGIN
	IF ids IS NULL AND slot IS NULL AND since IS NULL AND until IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'no dead letters were selected',
			DETAIL = 'ids, slot, since and until are all null.',
			HINT = 'Pass one of them at least, as in outbox.redrive(slot => ''pg_outbox'').';
	END IF;
	WITH picked AS (
		UPDATE outbox.dead_letter AS d
		   SET redriven_at = clock_timestamp(), redriven_by = session_user
		 WHERE d.redriven_at IS NULL
		   AND (redrive.ids IS NULL OR d.id = ANY (redrive.ids))
		   AND (redrive.slot IS NULL OR d.slot_name = redrive.slot)
		   AND (redrive.since IS NULL OR d.at >= redrive.since)
		   AND (redrive.until IS NULL OR d.at < redrive.until)
		RETURNING d.*
	), again AS (
		INSERT INTO outbox.event (id, aggregatetype, aggregateid, type, payload, payload_bytes, headers, created_at)
		SELECT p.id, p.aggregatetype, p.aggregateid, p.type, p.payload, p.payload_bytes,
			   coalesce(p.headers, '{}') || jsonb_build_object('outbox-replayed', p.position),
			   coalesce(p.created_at, clock_timestamp())
		  FROM picked AS p
		 ORDER BY p.number
		RETURNING 1
	)
	SELECT count(*) INTO written FROM again;
	RETURN written;
END
$redrive$;
COMMENT ON FUNCTION outbox.redrive(uuid[], name, timestamptz, timestamptz) IS
	'writes dead letters to outbox.event again, with the header outbox-replayed, and returns their number; each of them once';
REVOKE ALL ON FUNCTION outbox.redrive(uuid[], name, timestamptz, timestamptz) FROM PUBLIC;

SELECT pg_extension_config_dump('outbox.dead_letter', '');
SELECT pg_extension_config_dump('outbox.dead_letter_number_seq', '');
