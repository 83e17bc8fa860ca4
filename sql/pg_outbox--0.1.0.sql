/*
 * pg_outbox 0.1.0
 *
 * Runs with search_path = pg_catalog, pg_temp (schema = pg_catalog in the control file), and everything that
 * it makes is qualified.  Nothing is granted to PUBLIC; docs/sql.md has the GRANT blocks.
 */
\echo Use "CREATE EXTENSION pg_outbox" to load this file. \quit

CREATE SCHEMA outbox;
COMMENT ON SCHEMA outbox IS 'transactional outbox: events, their rotation, and registered relays';

/* ---- rotation: which partition is written to ---- */

CREATE TABLE outbox.rotation (
	current int2 NOT NULL,
	rotated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT rotation_current CHECK (current OPERATOR(pg_catalog.>=) 0 AND current OPERATOR(pg_catalog.<=) 2)
);
CREATE UNIQUE INDEX rotation_one_row ON outbox.rotation ((true));
COMMENT ON TABLE outbox.rotation IS 'one row: the partition of outbox.event that is written to; changed by outbox.maintain()';
COMMENT ON COLUMN outbox.rotation.current IS '0, 1 or 2: outbox.event_0, outbox.event_1 or outbox.event_2';
COMMENT ON COLUMN outbox.rotation.rotated_at IS 'since when';
COMMENT ON INDEX outbox.rotation_one_row IS 'keeps a second row out';

CREATE TABLE outbox.partition (
	rot int2 NOT NULL,
	state text NOT NULL DEFAULT 'free',
	left_at timestamptz,
	writers text[],
	closed_at timestamptz,
	closed_lsn pg_lsn,
	CONSTRAINT partition_pkey PRIMARY KEY (rot),
	CONSTRAINT partition_state CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['current', 'closing', 'closed', 'free']))
);
COMMENT ON TABLE outbox.partition IS 'what has become of each partition of outbox.event; changed by outbox.maintain()';
COMMENT ON COLUMN outbox.partition.rot IS 'the partition: 0, 1 or 2';
COMMENT ON COLUMN outbox.partition.state IS
	'current: written to; closing: transactions that write to it may be open; closed: kept for replay; free: empty';
COMMENT ON COLUMN outbox.partition.left_at IS 'when it was current last';
COMMENT ON COLUMN outbox.partition.writers IS
	'virtual transactions that may still have written to it when outbox.maintain() first looked';
COMMENT ON COLUMN outbox.partition.closed_at IS 'when the last of them was found to have ended; retention counts from here';
COMMENT ON COLUMN outbox.partition.closed_lsn IS 'every commit of its events ends at or before this position';
COMMENT ON CONSTRAINT partition_pkey ON outbox.partition IS 'one row a partition';

CREATE FUNCTION outbox.partition_changed() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'outbox_partition_changed';
COMMENT ON FUNCTION outbox.partition_changed() IS 'trigger function: tells every session that outbox.rotation changed';

INSERT INTO outbox.rotation (current) VALUES (0);
INSERT INTO outbox.partition (rot, state) VALUES (0, 'current'), (1, 'free'), (2, 'free');

CREATE TRIGGER partition_changed AFTER INSERT OR UPDATE OR DELETE ON outbox.rotation
	FOR EACH STATEMENT EXECUTE FUNCTION outbox.partition_changed();
ALTER TABLE outbox.rotation ENABLE ALWAYS TRIGGER partition_changed;
COMMENT ON TRIGGER partition_changed ON outbox.rotation IS 'tells every session that the partition changed';

/* Not PARALLEL SAFE: it reads with a snapshot of its own. */
CREATE FUNCTION outbox.current_partition() RETURNS int2
	LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_current_partition_sql';
COMMENT ON FUNCTION outbox.current_partition() IS 'the partition of outbox.event that is written to: 0, 1 or 2';

CREATE FUNCTION outbox.rotation_settings(OUT rotation_interval interval, OUT retention interval)
	LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'outbox_rotation_settings';
COMMENT ON FUNCTION outbox.rotation_settings() IS
	'pg_outbox.rotation_interval and pg_outbox.retention, also in a session that has not loaded the module';

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

/* ---- the normal way in ---- */

CREATE FUNCTION outbox.emit(aggregatetype text, aggregateid text, type text, payload json,
		headers jsonb DEFAULT NULL, id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_json';
COMMENT ON FUNCTION outbox.emit(text, text, text, json, jsonb, uuid) IS
	'writes an event in this transaction and returns its id; a null payload is a tombstone';

CREATE FUNCTION outbox.emit(aggregatetype text, aggregateid text, type text, payload jsonb,
		headers jsonb DEFAULT NULL, id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_jsonb';
COMMENT ON FUNCTION outbox.emit(text, text, text, jsonb, jsonb, uuid) IS
	'writes an event in this transaction and returns its id; a null payload is a tombstone';

CREATE FUNCTION outbox.emit(aggregatetype text, aggregateid text, type text, payload text,
		headers jsonb DEFAULT NULL, id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_text';
COMMENT ON FUNCTION outbox.emit(text, text, text, text, jsonb, uuid) IS
	'the same for string literals, parameters without a type and a plain NULL; the text has to be JSON';

CREATE FUNCTION outbox.emit(aggregatetype text, aggregateid text, type text, payload bytea,
		headers jsonb DEFAULT NULL, id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_bytea';
COMMENT ON FUNCTION outbox.emit(text, text, text, bytea, jsonb, uuid) IS
	'the same for a payload of bytes, which need not be JSON';

/* ---- relays ---- */

CREATE TABLE outbox.relay (
	slot_name name NOT NULL,
	publication name NOT NULL,
	source_id text NOT NULL,
	generation int4 NOT NULL DEFAULT 1,
	state text NOT NULL,
	system_identifier text,
	timeline int4,
	start_lsn pg_lsn,
	start_snapshot pg_snapshot,
	mark_lsn pg_lsn,
	mark_at timestamptz,
	last_position text,
	heartbeat_snapshot pg_snapshot,
	heartbeat_at timestamptz,
	wal_messages bool NOT NULL DEFAULT false,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT relay_pkey PRIMARY KEY (slot_name),
	CONSTRAINT relay_source_id_key UNIQUE (source_id),
	CONSTRAINT relay_generation CHECK (generation OPERATOR(pg_catalog.>=) 1),
	CONSTRAINT relay_state CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['creating', 'backfill', 'ready']))
) WITH (fillfactor = 50);
COMMENT ON TABLE outbox.relay IS 'registered relays, one per replication slot; written by outbox-relay';
COMMENT ON COLUMN outbox.relay.slot_name IS 'the replication slot';
COMMENT ON COLUMN outbox.relay.publication IS 'the publication that it reads';
COMMENT ON COLUMN outbox.relay.source_id IS 'names this source in the positions of its events';
COMMENT ON COLUMN outbox.relay.generation IS 'rises with each accepted gap and each change of the routing';
COMMENT ON COLUMN outbox.relay.state IS
	'creating: the slot may not be there yet; backfill: rows from before the slot are being published; ready';
COMMENT ON COLUMN outbox.relay.system_identifier IS 'of the server that has the slot';
COMMENT ON COLUMN outbox.relay.timeline IS 'the highest timeline that the relay has read from';
COMMENT ON COLUMN outbox.relay.start_lsn IS 'the slot''s consistent point';
COMMENT ON COLUMN outbox.relay.start_snapshot IS 'sees the rows from before the slot, and no others';
COMMENT ON COLUMN outbox.relay.mark_lsn IS 'the mark: all transactions that end at or before it are in Kafka';
COMMENT ON COLUMN outbox.relay.mark_at IS 'when the mark was written';
COMMENT ON COLUMN outbox.relay.last_position IS 'the position of the last event before the mark';
COMMENT ON COLUMN outbox.relay.heartbeat_snapshot IS 'every event that it sees is in Kafka';
COMMENT ON COLUMN outbox.relay.heartbeat_at IS 'when that heartbeat was committed';
COMMENT ON COLUMN outbox.relay.wal_messages IS 'whether logical messages are taken as events';
COMMENT ON COLUMN outbox.relay.created_at IS 'when it was registered';
COMMENT ON CONSTRAINT relay_pkey ON outbox.relay IS 'one registration a slot';
COMMENT ON CONSTRAINT relay_source_id_key ON outbox.relay IS 'two relays never share a source id';

CREATE TABLE outbox.topic (
	slot_name name NOT NULL,
	topic text NOT NULL,
	partitions int4 NOT NULL,
	generation int4 NOT NULL DEFAULT 1,
	recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT topic_pkey PRIMARY KEY (slot_name, topic),
	CONSTRAINT topic_relay FOREIGN KEY (slot_name) REFERENCES outbox.relay (slot_name) ON DELETE CASCADE,
	CONSTRAINT topic_partitions CHECK (partitions OPERATOR(pg_catalog.>=) 1)
);
COMMENT ON TABLE outbox.topic IS 'the routing map: partition counts as they were when a relay first used a topic';
COMMENT ON COLUMN outbox.topic.slot_name IS 'the relay';
COMMENT ON COLUMN outbox.topic.topic IS 'the topic';
COMMENT ON COLUMN outbox.topic.partitions IS 'the count that keys are spread over, whatever the topic has by now';
COMMENT ON COLUMN outbox.topic.generation IS 'the relay''s generation when it was recorded';
COMMENT ON COLUMN outbox.topic.recorded_at IS 'when it was recorded';
COMMENT ON CONSTRAINT topic_pkey ON outbox.topic IS 'one count a topic';

CREATE FUNCTION outbox.heartbeat(slot name) RETURNS pg_lsn
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_heartbeat';
COMMENT ON FUNCTION outbox.heartbeat(name) IS
	'writes a transactional logical message with the slot''s name and the current snapshot, and returns its LSN';

/* ---- maintenance ---- */

/*
 * A partition goes from current to closing to closed to free, and is current again two rotations later.
 *
 * closing: a transaction that had its lock on outbox.event when the rotation was committed may not have heard
 * of it, and writes to the old partition until it ends.  Those that came later have heard.  So the holders of
 * that lock are written down once, by a call after the one that rotated; when all of them have ended, nobody
 * writes to the partition any more, and every commit in it lies before the WAL position of that moment.  A
 * holder that was prepared (PREPARE TRANSACTION) leaves its virtual transaction and keeps its lock on the leaf.
 *
 * The lock on outbox.rotation, and not one on its row, keeps two calls apart: it is given up only after the
 * invalidation of the rotation was sent, a row's before.
 *
 * Nothing waits longer than the lock time-out; what can't be had is left for the next call.
 */
CREATE FUNCTION outbox.maintain() RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET lock_timeout = '100ms'
AS $maintain$
DECLARE
	settings record;
	now_current int2;
	since timestamptz;
	next_rot int2;
	part record;
	open_writers text[];
	done text[] := '{}';
BEGIN
	BEGIN
		LOCK TABLE outbox.rotation IN SHARE ROW EXCLUSIVE MODE NOWAIT;
	EXCEPTION WHEN lock_not_available THEN
		RETURN 'busy';
	END;
	SELECT s.rotation_interval, s.retention INTO STRICT settings FROM outbox.rotation_settings() AS s;

	FOR part IN SELECT p.rot, p.writers FROM outbox.partition AS p WHERE p.state = 'closing' ORDER BY p.left_at
	LOOP
		open_writers := part.writers;
		IF open_writers IS NULL THEN
			SELECT coalesce(array_agg(DISTINCT l.virtualtransaction), '{}') INTO open_writers
			  FROM pg_locks AS l, pg_database AS d
			 WHERE d.datname = current_database() AND l.database = d.oid
			   AND l.relation = 'outbox.event'::regclass AND l.mode = 'RowExclusiveLock' AND l.granted;
			UPDATE outbox.partition AS p SET writers = open_writers WHERE p.rot = part.rot;
		END IF;
		PERFORM
		   FROM pg_locks AS l, pg_database AS d
		  WHERE d.datname = current_database()
			AND (l.virtualtransaction = ANY (open_writers)
				 OR (l.pid IS NULL AND l.database = d.oid AND l.mode = 'RowExclusiveLock'
					 AND l.relation = format('outbox.event_%s', part.rot)::regclass));
		CONTINUE WHEN FOUND;
		UPDATE outbox.partition AS p
		   SET state = 'closed', closed_at = clock_timestamp(), closed_lsn = pg_current_wal_insert_lsn()
		 WHERE p.rot = part.rot;
		done := done || format('closed %s', part.rot);
	END LOOP;

	/* Without a relay nobody has published anything, and nothing goes. */
	FOR part IN
		SELECT p.rot
		  FROM outbox.partition AS p
		 WHERE p.state = 'closed' AND p.closed_at <= clock_timestamp() - settings.retention
		   AND (SELECT bool_and(r.state = 'ready' AND coalesce(r.mark_lsn >= p.closed_lsn, false)) FROM outbox.relay AS r)
		 ORDER BY p.left_at
	LOOP
		BEGIN
			EXECUTE format('TRUNCATE TABLE ONLY outbox.event_%s', part.rot);
			UPDATE outbox.partition AS p
			   SET state = 'free', left_at = NULL, writers = NULL, closed_at = NULL, closed_lsn = NULL
			 WHERE p.rot = part.rot;
			done := done || format('truncated %s', part.rot);
		EXCEPTION WHEN lock_not_available THEN
			done := done || format('could not lock %s', part.rot);
		END;
	END LOOP;

	/* An empty partition stays: an idle outbox writes nothing. */
	SELECT r.current, r.rotated_at INTO STRICT now_current, since FROM outbox.rotation AS r;
	next_rot := (now_current + 1) % 3;
	IF since <= clock_timestamp() - settings.rotation_interval
	   AND pg_relation_size(format('outbox.event_%s', now_current)::regclass) > 0
	   AND EXISTS (SELECT FROM outbox.partition AS p WHERE p.rot = next_rot AND p.state = 'free')
	THEN
		UPDATE outbox.rotation SET current = next_rot, rotated_at = clock_timestamp();
		UPDATE outbox.partition AS p SET state = 'closing', left_at = clock_timestamp() WHERE p.rot = now_current;
		UPDATE outbox.partition AS p SET state = 'current' WHERE p.rot = next_rot;
		done := done || format('rotated to %s', next_rot);
	END IF;
	RETURN array_to_string(done, ', ');
END
$maintain$;
COMMENT ON FUNCTION outbox.maintain() IS
	'rotates outbox.event and truncates what is old and published; safe at any rate from several sessions; says what it did';

/* ---- privileges and dumps ---- */

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA outbox FROM PUBLIC;

/*
 * rotation and partition are left out: their rows come from this script.  A restored database starts with
 * partition 0, and the rows that were restored into the others are kept until these have had their turn.
 */
SELECT pg_extension_config_dump('outbox.event_0', '');
SELECT pg_extension_config_dump('outbox.event_1', '');
SELECT pg_extension_config_dump('outbox.event_2', '');
SELECT pg_extension_config_dump('outbox.relay', '');
SELECT pg_extension_config_dump('outbox.topic', '');
