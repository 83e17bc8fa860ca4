/*
 * outbox_inbox.sql
 *	  What outbox-consumer keeps in a target database: how far it has come, moved
 *	  in the same transaction as the effects of the events.
 *
 * Run it once in each target, with "outbox-consumer init" or psql, and then
 * outbox_inbox--1--2.sql.  It fails when the schema is there already.  Rights
 * that a consumer's role needs, beside those that the other script names:
 *
 *		GRANT USAGE ON SCHEMA outbox_inbox TO consumer;
 *		GRANT SELECT, INSERT, UPDATE ON outbox_inbox.progress, outbox_inbox.position TO consumer;
 *
 * and what its handlers do.  Nothing here is ever deleted by the consumer: one
 * row a partition, and one a partition and source.
 *
 * This is layout 1, which never changes.
 */
BEGIN;

/* What others may create in a schema of whoever runs this is used by nothing here. */
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA outbox_inbox;

COMMENT ON SCHEMA outbox_inbox IS 'pg_outbox: progress of outbox-consumer in this database';

/* The layout of this schema, for programs. */
CREATE FUNCTION outbox_inbox.version() RETURNS integer
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	AS $$ SELECT 1 $$;

CREATE TABLE outbox_inbox.progress (
	group_name text NOT NULL,
	topic text NOT NULL,
	"partition" integer NOT NULL CHECK ("partition" >= 0),
	next_offset bigint NOT NULL CHECK (next_offset >= 0),
	last_offset bigint CHECK (last_offset < next_offset),
	last_timestamp timestamptz,
	last_id text,
	moved_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
	PRIMARY KEY (group_name, topic, "partition")
) WITH (fillfactor = 50);

COMMENT ON TABLE outbox_inbox.progress IS
	'up to where each consumer group has applied each partition';
COMMENT ON COLUMN outbox_inbox.progress.next_offset IS
	'offset of the first record that isn''t applied; it wins over the offset in Kafka';
COMMENT ON COLUMN outbox_inbox.progress.last_offset IS
	'the last record that was applied; with its timestamp and id a topic that was made again is noticed';

/* "position" as in the header outbox-position. */
CREATE TABLE outbox_inbox.position (
	group_name text NOT NULL,
	topic text NOT NULL,
	"partition" integer NOT NULL,
	source_id text NOT NULL,
	generation bigint NOT NULL,
	timeline bigint NOT NULL,
	commit_lsn pg_lsn NOT NULL,
	ordinal bigint NOT NULL,
	moved_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
	PRIMARY KEY (group_name, topic, "partition", source_id)
) WITH (fillfactor = 50);

COMMENT ON TABLE outbox_inbox.position IS
	'the highest position applied, for each source; events at or below it are repetitions';

/*
 * Moves the progress of one partition, or raises OBX01 when it isn't where the
 * caller left it: then another consumer owns the partition, and the caller's
 * whole transaction has to go.  expected_next is NULL the first time.
 *
 * It raises because a batch goes out in one piece, with its COMMIT: an UPDATE
 * that finds no row would not stop it.
 */
CREATE FUNCTION outbox_inbox.advance(group_name text, topic text, "partition" integer,
									 expected_next bigint, new_next bigint,
									 last_offset bigint, last_timestamp timestamptz, last_id text)
	RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	IF new_next <= expected_next THEN
		RAISE EXCEPTION 'progress of topic "%", partition % can''t go from % to %',
			topic, "partition", expected_next, new_next
			USING ERRCODE = 'OBX02';
	END IF;

	IF expected_next IS NULL THEN
		INSERT INTO outbox_inbox.progress AS p
			(group_name, topic, "partition", next_offset, last_offset, last_timestamp, last_id)
		VALUES (group_name, topic, "partition", new_next, last_offset, last_timestamp, last_id)
		ON CONFLICT DO NOTHING;
	ELSE
		UPDATE outbox_inbox.progress AS p
		   SET next_offset = new_next, last_offset = advance.last_offset,
			   last_timestamp = advance.last_timestamp, last_id = advance.last_id,
			   moved_at = transaction_timestamp()
		 WHERE p.group_name = advance.group_name AND p.topic = advance.topic
		   AND p."partition" = advance."partition" AND p.next_offset = expected_next;
	END IF;

	IF NOT FOUND THEN
		RAISE EXCEPTION 'progress of group "%", topic "%", partition % isn''t at %',
			group_name, topic, "partition", coalesce(expected_next::text, 'its start')
			USING ERRCODE = 'OBX01',
				HINT = 'Another consumer of the same group has moved it.';
	END IF;
END
$$;

REVOKE ALL ON ALL TABLES IN SCHEMA outbox_inbox FROM PUBLIC;

COMMIT;
