/* ---- events ---- */

CREATE FUNCTION outbox.uuid7() RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'outbox_uuid7_sql';
COMMENT ON FUNCTION outbox.uuid7() IS 'a new UUID version 7; rises within a session';

CREATE FUNCTION outbox.event_is_valid(id uuid, aggregatetype text, aggregateid text, type text, payload json,
		payload_bytes bytea, headers jsonb, created_at timestamptz, xid xid8) RETURNS bool
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'outbox_event_is_valid_sql';
COMMENT ON FUNCTION outbox.event_is_valid(uuid, text, text, text, json, bytea, jsonb, timestamptz, xid8) IS
	'true, or an error that says why this is no event';

CREATE FUNCTION outbox.refuse_update() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'outbox_refuse_update';
COMMENT ON FUNCTION outbox.refuse_update() IS 'trigger function: events cannot be updated';

/*
 * No index: nothing but a replay reads it, and that reads all of it.  No NOT NULL: it would print the
 * failing row, and with it the payload; the check says it without, and a null rot has no partition.
 */
CREATE TABLE outbox.event (
	id uuid DEFAULT outbox.uuid7(),
	aggregatetype text,
	aggregateid text,
	type text,
	payload json,
	payload_bytes bytea,
	headers jsonb,
	created_at timestamptz DEFAULT clock_timestamp(),
	xid xid8 DEFAULT pg_current_xact_id(),
	rot int2 DEFAULT outbox.current_partition(),
	CONSTRAINT event_is_valid CHECK
		(outbox.event_is_valid(id, aggregatetype, aggregateid, type, payload, payload_bytes, headers, created_at, xid))
) PARTITION BY LIST (rot);
CREATE TABLE outbox.event_0 PARTITION OF outbox.event FOR VALUES IN (0);
CREATE TABLE outbox.event_1 PARTITION OF outbox.event FOR VALUES IN (1);
CREATE TABLE outbox.event_2 PARTITION OF outbox.event FOR VALUES IN (2);

COMMENT ON TABLE outbox.event IS 'the outbox: what is inserted here and committed is published';
COMMENT ON COLUMN outbox.event.id IS 'the event''s id, sent as header "id"; not checked for uniqueness';
COMMENT ON COLUMN outbox.event.aggregatetype IS 'names the topic';
COMMENT ON COLUMN outbox.event.aggregateid IS 'the message key: events of one key keep their order';
COMMENT ON COLUMN outbox.event.type IS 'sent as header "type"';
COMMENT ON COLUMN outbox.event.payload IS 'the value, byte for byte as it was written';
COMMENT ON COLUMN outbox.event.payload_bytes IS 'the value when it is not JSON; both null: a tombstone';
COMMENT ON COLUMN outbox.event.headers IS 'a flat object of further headers';
COMMENT ON COLUMN outbox.event.created_at IS 'when the event was written';
COMMENT ON COLUMN outbox.event.xid IS 'the transaction that wrote it';
COMMENT ON COLUMN outbox.event.rot IS 'the partition';
COMMENT ON CONSTRAINT event_is_valid ON outbox.event IS 'raises the error of its own that outbox.emit() raises';

DO $leaves$
DECLARE
	leaf text;
BEGIN
	FOREACH leaf IN ARRAY ARRAY['event_0', 'event_1', 'event_2'] LOOP
		EXECUTE format('COMMENT ON TABLE outbox.%I IS %L', leaf,
			'partition of outbox.event; outbox.partition says what has become of it');
		EXECUTE (SELECT string_agg(format('COMMENT ON COLUMN outbox.%I.%I IS %L', leaf, a.attname,
										  col_description('outbox.event'::regclass, a.attnum)), '; ')
				   FROM pg_attribute AS a
				  WHERE a.attrelid = 'outbox.event'::regclass AND a.attnum > 0);
	END LOOP;
END
$leaves$;

/* ALWAYS, also on the leaves: it is not inherited. */
CREATE TRIGGER refuse_update BEFORE UPDATE ON outbox.event
	FOR EACH ROW EXECUTE FUNCTION outbox.refuse_update();
ALTER TABLE outbox.event ENABLE ALWAYS TRIGGER refuse_update;
ALTER TABLE outbox.event_0 ENABLE ALWAYS TRIGGER refuse_update;
ALTER TABLE outbox.event_1 ENABLE ALWAYS TRIGGER refuse_update;
ALTER TABLE outbox.event_2 ENABLE ALWAYS TRIGGER refuse_update;
COMMENT ON TRIGGER refuse_update ON outbox.event IS 'events cannot be updated';

