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

