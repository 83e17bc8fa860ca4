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

