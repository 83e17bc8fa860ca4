/* pg_outbox 0.1.0 */
\echo Use "CREATE EXTENSION pg_outbox" to load this file. \quit

CREATE SCHEMA outbox;
COMMENT ON SCHEMA outbox IS 'transactional outbox: events, rotation and registered relays';

/* ---- what the event table needs ---- */

CREATE FUNCTION outbox.uuid7() RETURNS pg_catalog.uuid
	LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'outbox_uuid7_sql';
COMMENT ON FUNCTION outbox.uuid7() IS 'a new UUID version 7; rises within a session';

CREATE TABLE outbox.rotation (
	current pg_catalog.int2 NOT NULL CHECK (current OPERATOR(pg_catalog.>=) 0 AND current OPERATOR(pg_catalog.<=) 2),
	rotated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE outbox.rotation IS 'one row: which partition of outbox.event is written to, and since when';

CREATE FUNCTION outbox.partition_changed() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'outbox_partition_changed';
COMMENT ON FUNCTION outbox.partition_changed() IS 'tells every session that outbox.rotation changed';
INSERT INTO outbox.rotation (current) VALUES (0);
CREATE TRIGGER partition_changed AFTER INSERT OR UPDATE OR DELETE ON outbox.rotation
	FOR EACH STATEMENT EXECUTE FUNCTION outbox.partition_changed();
ALTER TABLE outbox.rotation ENABLE ALWAYS TRIGGER partition_changed;

CREATE FUNCTION outbox.current_partition() RETURNS pg_catalog.int2
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'outbox_current_partition_sql';
COMMENT ON FUNCTION outbox.current_partition() IS 'the partition of outbox.event that is written to: 0, 1 or 2';

CREATE FUNCTION outbox.event_is_valid(id pg_catalog.uuid, aggregatetype pg_catalog.text,
		aggregateid pg_catalog.text, type pg_catalog.text, payload pg_catalog.json,
		payload_bytes pg_catalog.bytea, headers pg_catalog.jsonb, created_at pg_catalog.timestamptz,
		xid pg_catalog.xid8) RETURNS pg_catalog.bool
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'outbox_event_is_valid';
COMMENT ON FUNCTION outbox.event_is_valid(uuid, text, text, text, json, bytea, jsonb, timestamptz, xid8) IS
	'true, or an error that says why this is no event';

CREATE FUNCTION outbox.refuse_update() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'outbox_refuse_update';
COMMENT ON FUNCTION outbox.refuse_update() IS 'raises: events cannot be updated';

/* ---- events ---- */

/* No NOT NULL here: its error would print the whole row, payload and all, into the log. */
CREATE TABLE outbox.event (
	id pg_catalog.uuid DEFAULT outbox.uuid7(),
	aggregatetype pg_catalog.text,
	aggregateid pg_catalog.text,
	type pg_catalog.text,
	payload pg_catalog.json,
	payload_bytes pg_catalog.bytea,
	headers pg_catalog.jsonb,
	created_at pg_catalog.timestamptz DEFAULT pg_catalog.clock_timestamp(),
	xid pg_catalog.xid8 DEFAULT pg_catalog.pg_current_xact_id(),
	rot pg_catalog.int2 DEFAULT outbox.current_partition(),
	CONSTRAINT event_is_valid CHECK (outbox.event_is_valid(id, aggregatetype, aggregateid, type, payload, payload_bytes, headers, created_at, xid))
) PARTITION BY LIST (rot);
CREATE TABLE outbox.event_0 PARTITION OF outbox.event FOR VALUES IN (0);
CREATE TABLE outbox.event_1 PARTITION OF outbox.event FOR VALUES IN (1);
CREATE TABLE outbox.event_2 PARTITION OF outbox.event FOR VALUES IN (2);
CREATE TRIGGER refuse_update BEFORE UPDATE ON outbox.event
	FOR EACH ROW EXECUTE FUNCTION outbox.refuse_update();
ALTER TABLE outbox.event ENABLE ALWAYS TRIGGER refuse_update;
ALTER TABLE outbox.event_0 ENABLE ALWAYS TRIGGER refuse_update;
ALTER TABLE outbox.event_1 ENABLE ALWAYS TRIGGER refuse_update;
ALTER TABLE outbox.event_2 ENABLE ALWAYS TRIGGER refuse_update;
COMMENT ON TABLE outbox.event IS 'the outbox: what is inserted here and committed is published once';
COMMENT ON TABLE outbox.event_0 IS 'partition 0 of outbox.event';
COMMENT ON TABLE outbox.event_1 IS 'partition 1 of outbox.event';
COMMENT ON TABLE outbox.event_2 IS 'partition 2 of outbox.event';
COMMENT ON COLUMN outbox.event.id IS 'the event''s id, sent as header "id"';
COMMENT ON COLUMN outbox.event.aggregatetype IS 'names the topic';
COMMENT ON COLUMN outbox.event.aggregateid IS 'the message key: events of one key keep their order';
COMMENT ON COLUMN outbox.event.type IS 'sent as header "type"';
COMMENT ON COLUMN outbox.event.payload IS 'the value, byte for byte as it was written';
COMMENT ON COLUMN outbox.event.payload_bytes IS 'the value, when it is not JSON; at most one of the two';
COMMENT ON COLUMN outbox.event.headers IS 'a flat object of further headers';
COMMENT ON COLUMN outbox.event.created_at IS 'when the event was written';
COMMENT ON COLUMN outbox.event.xid IS 'the writer''s transaction';
COMMENT ON COLUMN outbox.event.rot IS 'the partition';

/* ---- the normal way in ---- */

CREATE FUNCTION outbox.emit(aggregatetype pg_catalog.text, aggregateid pg_catalog.text,
		type pg_catalog.text, payload pg_catalog.json,
		headers pg_catalog.jsonb DEFAULT NULL, id pg_catalog.uuid DEFAULT NULL) RETURNS pg_catalog.uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_json';
COMMENT ON FUNCTION outbox.emit(text, text, text, json, jsonb, uuid) IS 'writes an event in this transaction and returns its id';
CREATE FUNCTION outbox.emit(aggregatetype pg_catalog.text, aggregateid pg_catalog.text,
		type pg_catalog.text, payload pg_catalog.jsonb,
		headers pg_catalog.jsonb DEFAULT NULL, id pg_catalog.uuid DEFAULT NULL) RETURNS pg_catalog.uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_jsonb';
COMMENT ON FUNCTION outbox.emit(text, text, text, jsonb, jsonb, uuid) IS 'writes an event in this transaction and returns its id';
CREATE FUNCTION outbox.emit(aggregatetype pg_catalog.text, aggregateid pg_catalog.text,
		type pg_catalog.text, payload pg_catalog.text,
		headers pg_catalog.jsonb DEFAULT NULL, id pg_catalog.uuid DEFAULT NULL) RETURNS pg_catalog.uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_text';
COMMENT ON FUNCTION outbox.emit(text, text, text, text, jsonb, uuid) IS 'the same for a payload given as text, which has to be JSON; a null payload is a tombstone';
CREATE FUNCTION outbox.emit(aggregatetype pg_catalog.text, aggregateid pg_catalog.text,
		type pg_catalog.text, payload pg_catalog.bytea,
		headers pg_catalog.jsonb DEFAULT NULL, id pg_catalog.uuid DEFAULT NULL) RETURNS pg_catalog.uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_bytea';
COMMENT ON FUNCTION outbox.emit(text, text, text, bytea, jsonb, uuid) IS 'the same for a payload of bytes';

/* ---- relays ---- */

CREATE TABLE outbox.relay (
	slot_name pg_catalog.name PRIMARY KEY,
	publication pg_catalog.name NOT NULL,
	source_id pg_catalog.text NOT NULL UNIQUE,
	generation pg_catalog.int4 NOT NULL DEFAULT 1 CHECK (generation OPERATOR(pg_catalog.>=) 1),
	state pg_catalog.text NOT NULL CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['creating', 'backfill', 'ready'])),
	system_identifier pg_catalog.text,
	timeline pg_catalog.int4,
	start_lsn pg_catalog.pg_lsn,
	start_snapshot pg_catalog.pg_snapshot,
	mark_lsn pg_catalog.pg_lsn,
	mark_at pg_catalog.timestamptz,
	last_position pg_catalog.text,
	heartbeat_snapshot pg_catalog.pg_snapshot,
	heartbeat_at pg_catalog.timestamptz,
	wal_messages pg_catalog.bool NOT NULL DEFAULT false,
	created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now()
) WITH (fillfactor = 50);
COMMENT ON TABLE outbox.relay IS 'registered relays, one per replication slot; written by outbox-relay';

CREATE TABLE outbox.topic (
	slot_name pg_catalog.name NOT NULL REFERENCES outbox.relay ON DELETE CASCADE,
	topic pg_catalog.text NOT NULL,
	partitions pg_catalog.int4 NOT NULL CHECK (partitions OPERATOR(pg_catalog.>=) 1),
	generation pg_catalog.int4 NOT NULL DEFAULT 1,
	recorded_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (slot_name, topic)
);
COMMENT ON TABLE outbox.topic IS 'the routing map: partition counts as they were when a relay first used a topic';

CREATE FUNCTION outbox.heartbeat(slot pg_catalog.name) RETURNS pg_catalog.pg_lsn
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_heartbeat';
COMMENT ON FUNCTION outbox.heartbeat(name) IS 'writes a transactional logical message with the current snapshot';

/* ---- rotation ---- */

CREATE TABLE outbox.partition (
	rot pg_catalog.int2 PRIMARY KEY,
	state pg_catalog.text NOT NULL CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['current', 'closed', 'free'])),
	closed_at pg_catalog.timestamptz,
	closed_xid pg_catalog.xid8,
	closed_lsn pg_catalog.pg_lsn
);
COMMENT ON TABLE outbox.partition IS 'the partitions of outbox.event: current, closed or free';
INSERT INTO outbox.partition (rot, state) VALUES (0, 'current'), (1, 'free'), (2, 'free');

/*
 * A closed partition gets its closed_lsn once no writer of it is left: every transaction from before the
 * rotation has ended, and nobody holds the partition open.  It may be truncated when it is older than the
 * retention time and every registered relay's mark has passed closed_lsn.  Nothing here waits: what can't be
 * had within the lock time-out is left for the next call.
 */
CREATE FUNCTION outbox.maintain() RETURNS pg_catalog.text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET lock_timeout = '100ms'
AS $maintain$
DECLARE
	now_current int2;
	since timestamptz;
	next_rot int2;
	part record;
	done text[] := '{}';
BEGIN
	/* Loads the module: in a session that hasn't, the settings aren't there yet. */
	PERFORM outbox.current_partition();
	SELECT r.current, r.rotated_at INTO now_current, since FROM outbox.rotation AS r FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN 'busy';
	END IF;

	FOR part IN SELECT p.rot, p.closed_xid FROM outbox.partition AS p WHERE p.state = 'closed' AND p.closed_lsn IS NULL
	LOOP
		CONTINUE WHEN pg_snapshot_xmin(pg_current_snapshot()) <= part.closed_xid;
		BEGIN
			EXECUTE format('LOCK TABLE ONLY outbox.%I IN SHARE MODE NOWAIT', 'event_' || part.rot);
			UPDATE outbox.partition AS p SET closed_lsn = pg_current_wal_insert_lsn() WHERE p.rot = part.rot;
			done := done || ('closed ' || part.rot);
		EXCEPTION WHEN lock_not_available THEN
			NULL;
		END;
	END LOOP;

	FOR part IN
		SELECT p.rot FROM outbox.partition AS p
		 WHERE p.state = 'closed'
		   AND p.closed_at <= clock_timestamp() - make_interval(secs => (SELECT s.setting::float8 FROM pg_settings AS s WHERE s.name = 'pg_outbox.retention'))
		   AND p.closed_lsn IS NOT NULL
		   AND NOT EXISTS (SELECT FROM outbox.relay AS y
							WHERE y.state <> 'ready' OR y.mark_lsn IS NULL OR y.mark_lsn < p.closed_lsn)
		 ORDER BY p.closed_at
	LOOP
		BEGIN
			EXECUTE format('TRUNCATE TABLE ONLY outbox.%I', 'event_' || part.rot);
			UPDATE outbox.partition AS p SET state = 'free', closed_at = NULL, closed_xid = NULL, closed_lsn = NULL
			 WHERE p.rot = part.rot;
			done := done || ('truncated ' || part.rot);
		EXCEPTION WHEN lock_not_available THEN
			NULL;
		END;
	END LOOP;

	next_rot := (now_current + 1) % 3;
	IF since <= clock_timestamp() - make_interval(secs => (SELECT s.setting::float8 FROM pg_settings AS s WHERE s.name = 'pg_outbox.rotation_interval'))
	   AND EXISTS (SELECT FROM outbox.partition AS p WHERE p.rot = next_rot AND p.state = 'free')
	THEN
		UPDATE outbox.rotation SET current = next_rot, rotated_at = clock_timestamp();
		UPDATE outbox.partition AS p SET state = 'closed', closed_at = clock_timestamp(), closed_xid = pg_current_xact_id(), closed_lsn = NULL
		 WHERE p.rot = now_current;
		UPDATE outbox.partition AS p SET state = 'current' WHERE p.rot = next_rot;
		done := done || ('rotated to ' || next_rot);
	END IF;
	RETURN array_to_string(done, ', ');
END
$maintain$;
COMMENT ON FUNCTION outbox.maintain() IS
	'rotates outbox.event and truncates what is old and published; safe at any rate from several sessions; returns what it did';

/* ---- privileges and dump ---- */

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA outbox FROM PUBLIC;
/* A CHECK and column defaults run with the inserting role's rights. */
GRANT EXECUTE ON FUNCTION outbox.uuid7(), outbox.current_partition(),
	outbox.event_is_valid(uuid, text, text, text, json, bytea, jsonb, timestamptz, xid8), outbox.refuse_update() TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('outbox.event_0', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.event_1', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.event_2', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.relay', '');
SELECT pg_catalog.pg_extension_config_dump('outbox.topic', '');
