/*
 * outbox_inbox--1--2.sql
 *	  The ids of the events that were applied, and dead letters: brings
 *	  outbox_inbox from layout 1 to 2.
 *
 * Run it after outbox_inbox.sql, while no consumer of this target runs, with
 * "outbox-consumer init" or psql.  It refuses every other layout.  Consumers of
 * layout 1 that run all the same are shut out: they would leave ids out.
 *
 * Invariants:
 *		an id that was applied at or after scope.complete_since, and rotation's,
 *		is here, in applied_id or applied_batch;
 *		whoever writes or reads ids holds ACCESS SHARE on rotation until its
 *		transaction ends, so that the leaf can't change under it;
 *		nothing is ever deleted or updated in the two: leaves are truncated.
 *
 * Rights that a consumer's role needs, beside those of layout 1 (roles that had
 * those get these here):
 *
 *		GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox_inbox TO consumer;
 *		GRANT SELECT, INSERT, UPDATE ON outbox_inbox.dead_letter TO consumer;
 */
BEGIN;

/* What others may create in a schema of whoever runs this is used by nothing here. */
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
BEGIN
	IF outbox_inbox.version() <> 1 THEN
		RAISE EXCEPTION 'outbox_inbox is of layout %, not 1', outbox_inbox.version()
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
END
$$;

/* Transactions under way end first. */
LOCK TABLE outbox_inbox.progress IN EXCLUSIVE MODE;

CREATE OR REPLACE FUNCTION outbox_inbox.version() RETURNS integer
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	AS $$ SELECT 2 $$;

/* Unlike xmin it stays when the progress moves. */
ALTER TABLE outbox_inbox.progress ADD COLUMN made_by xid8 NOT NULL DEFAULT pg_current_xact_id();

COMMENT ON COLUMN outbox_inbox.progress.made_by IS
	'the transaction that wrote the first progress: the consumer''s first one, or somebody''s';

CREATE TABLE outbox_inbox.scope (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	group_name text NOT NULL,
	topic text NOT NULL,
	made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	complete_since timestamptz NOT NULL,
	retention interval NOT NULL,
	arrays boolean NOT NULL DEFAULT false,
	UNIQUE (group_name, topic)
);

COMMENT ON TABLE outbox_inbox.scope IS
	'within what an id is unique: a consumer group and a topic, whatever the partition';
COMMENT ON COLUMN outbox_inbox.scope.complete_since IS
	'ids applied from then on were recorded; -infinity: all, infinity: dedupe = none';
COMMENT ON COLUMN outbox_inbox.scope.retention IS
	'inbox.retention of the group; the longest one of all counts';
COMMENT ON COLUMN outbox_inbox.scope.arrays IS 'applied_batch may have ids of it';

/* What was applied until now has no ids. */
INSERT INTO outbox_inbox.scope (group_name, topic, complete_since, retention)
SELECT DISTINCT p.group_name, p.topic, clock_timestamp(), interval '7 days'
  FROM outbox_inbox.progress AS p;

CREATE TABLE outbox_inbox.rotation (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	current smallint NOT NULL,
	started_at timestamptz[] NOT NULL,
	complete_since timestamptz NOT NULL
);

COMMENT ON TABLE outbox_inbox.rotation IS 'which of the four leaves takes ids, and since when';
COMMENT ON COLUMN outbox_inbox.rotation.started_at IS
	'when each leaf, from 0, last became the current one; NULL: it never was';
COMMENT ON COLUMN outbox_inbox.rotation.complete_since IS
	'nothing that was recorded from then on was truncated';

INSERT INTO outbox_inbox.rotation
VALUES (true, 0, ARRAY[clock_timestamp(), NULL, NULL, NULL], '-infinity');

CREATE TABLE outbox_inbox.applied_id (
	rot smallint NOT NULL,
	scope integer NOT NULL,
	id text COLLATE "C" NOT NULL,
	PRIMARY KEY (scope, id, rot)
) PARTITION BY LIST (rot);

COMMENT ON TABLE outbox_inbox.applied_id IS 'events that were judged by their id, and applied';

CREATE TABLE outbox_inbox.applied_batch (
	rot smallint NOT NULL,
	scope integer NOT NULL,
	first_id uuid NOT NULL,
	last_id uuid NOT NULL,
	ids uuid[] NOT NULL
) PARTITION BY LIST (rot);

/* They don't compress. */
ALTER TABLE outbox_inbox.applied_batch ALTER COLUMN ids SET STORAGE EXTERNAL;

COMMENT ON TABLE outbox_inbox.applied_batch IS
	'events that were judged by their position, and applied: one row a batch and topic';
COMMENT ON COLUMN outbox_inbox.applied_batch.first_id IS 'the lowest and the highest of ids';

/* Ids of version 7 rise with time: a few ranges hold those of any time. */
CREATE INDEX applied_batch_ids ON outbox_inbox.applied_batch
	USING brin (first_id, last_id) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE outbox_inbox.applied_id_0 PARTITION OF outbox_inbox.applied_id FOR VALUES IN (0);
CREATE TABLE outbox_inbox.applied_id_1 PARTITION OF outbox_inbox.applied_id FOR VALUES IN (1);
CREATE TABLE outbox_inbox.applied_id_2 PARTITION OF outbox_inbox.applied_id FOR VALUES IN (2);
CREATE TABLE outbox_inbox.applied_id_3 PARTITION OF outbox_inbox.applied_id FOR VALUES IN (3);
CREATE TABLE outbox_inbox.applied_batch_0 PARTITION OF outbox_inbox.applied_batch FOR VALUES IN (0);
CREATE TABLE outbox_inbox.applied_batch_1 PARTITION OF outbox_inbox.applied_batch FOR VALUES IN (1);
CREATE TABLE outbox_inbox.applied_batch_2 PARTITION OF outbox_inbox.applied_batch FOR VALUES IN (2);
CREATE TABLE outbox_inbox.applied_batch_3 PARTITION OF outbox_inbox.applied_batch FOR VALUES IN (3);

/*
 * The scope of a group and topic whose ids are recorded in this transaction,
 * made at its first use.  From here on the current leaf stays the same.
 */
CREATE FUNCTION outbox_inbox.open_scope(group_name text, topic text, retention interval)
	RETURNS integer
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	o outbox_inbox.scope;
BEGIN
	LOCK TABLE outbox_inbox.rotation IN ACCESS SHARE MODE;
	LOOP
		SELECT s.* INTO o FROM outbox_inbox.scope AS s
		 WHERE s.group_name = open_scope.group_name AND s.topic = open_scope.topic;
		EXIT WHEN FOUND;
		/* Nothing was ever applied, unless there is progress that doesn't begin in this transaction. */
		INSERT INTO outbox_inbox.scope AS s (group_name, topic, complete_since, retention)
		SELECT group_name, topic,
			   CASE WHEN EXISTS (SELECT FROM outbox_inbox.progress AS p
								  WHERE p.group_name = open_scope.group_name
									AND p.topic = open_scope.topic
									AND p.made_by <> pg_current_xact_id())
					THEN clock_timestamp() ELSE '-infinity' END, retention
		ON CONFLICT DO NOTHING;
	END LOOP;
	IF o.complete_since = 'infinity' OR o.retention <> retention THEN
		UPDATE outbox_inbox.scope AS s
		   SET retention = open_scope.retention,
			   complete_since = CASE WHEN s.complete_since = 'infinity' THEN clock_timestamp()
									 ELSE s.complete_since END
		 WHERE s.id = o.id;
	END IF;
	RETURN o.id;
END
$$;

/*
 * Takes note of events that are applied in this transaction because of their positions.
 * Without ids, that nothing else is: those before that can be told apart are dead letters.
 */
CREATE FUNCTION outbox_inbox.record(group_name text, topic text, retention interval,
									first_id uuid, last_id uuid, ids uuid[])
	RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	scope integer := outbox_inbox.open_scope(group_name, topic, retention);
BEGIN
	IF cardinality(ids) = 0 THEN
		RETURN;
	END IF;
	UPDATE outbox_inbox.scope AS s SET arrays = true WHERE s.id = scope AND NOT s.arrays;
	INSERT INTO outbox_inbox.applied_batch (rot, scope, first_id, last_id, ids)
	SELECT r.current, scope, first_id, last_id, ids FROM outbox_inbox.rotation AS r;
END
$$;

/* Ids of these topics aren't recorded in this transaction (dedupe = none). */
CREATE FUNCTION outbox_inbox.forget(group_name text, topics text[])
	RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	UPDATE outbox_inbox.scope AS s SET complete_since = 'infinity'
	 WHERE s.group_name = forget.group_name AND s.topic = ANY (topics)
	   AND s.complete_since < 'infinity';
	INSERT INTO outbox_inbox.scope AS s (group_name, topic, complete_since, retention)
	SELECT group_name, t, 'infinity', interval '0' FROM unnest(topics) AS t
	 WHERE NOT EXISTS (SELECT FROM outbox_inbox.scope AS o
						WHERE o.group_name = forget.group_name AND o.topic = t)
	 ORDER BY t
	ON CONFLICT DO NOTHING;
END
$$;

/*
 * When an event was written, before which it can't have been applied: as its
 * record says it, or the time in an id of version 7; NULL: neither.
 */
CREATE FUNCTION outbox_inbox.time_of(id uuid, created text)
	RETURNS timestamptz
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	SET DateStyle = 'ISO'
	AS $$
DECLARE
	hex text := replace(id::text, '-', '');
BEGIN
	IF created IS NOT NULL THEN
		BEGIN
			RETURN created::timestamptz;
		EXCEPTION
			WHEN data_exception THEN
				NULL;
		END;
	END IF;
	IF substr(hex, 13, 1) = '7' THEN
		RETURN to_timestamp(('x' || substr(hex, 1, 12))::bit(48)::bigint / 1000.0);
	END IF;
	RETURN NULL;
END
$$;

/*
 * Judges events by their ids, and records those that are new: the caller applies
 * these in the same transaction.  One row for each, with its number from 1.
 *
 *		uuids		the id, when it is one
 *		flagged		it is sent again; its first occurrence may be long ago
 *		created		when it was written, in text; NULL: not known
 *		deep		it may be among the events that were judged by position
 *		unknown		stop, apply or skip: a flagged event that isn't known, and was
 *					there before ids were kept
 *
 * Raises OBX03 for the first one to stop at.  Another transaction that has an
 * id, and hasn't ended, is waited for.
 */
CREATE FUNCTION outbox_inbox.claim(group_name text, retention interval, topics text[],
								   ids text[], uuids uuid[], flagged boolean[], created text[],
								   deep boolean[], unknown text[])
	RETURNS TABLE (n bigint, is_new boolean)
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	/* Nobody tells the planner how long the arrays are: it takes them for short. */
	SET enable_nestloop = off
	SET jit = off
	AS $$
#variable_conflict use_column
DECLARE
	clocks constant interval := '1 hour';	/* by which source and target may differ */
	scopes integer[];
	since timestamptz[];	/* from when on all ids of the scope are here */
	known bigint[];
	aged bigint[];
	lowest uuid;
	highest uuid;
	bad record;
BEGIN
	PERFORM outbox_inbox.open_scope(claim.group_name, t.topic, claim.retention)
	   FROM (SELECT DISTINCT u.topic FROM unnest(claim.topics) AS u(topic) ORDER BY 1) AS t;
	scopes := ARRAY(SELECT s.id FROM unnest(claim.topics) WITH ORDINALITY AS u(topic, n)
					  JOIN outbox_inbox.scope AS s
						ON s.group_name = claim.group_name AND s.topic = u.topic
					 ORDER BY u.n);
	/* What was truncated is older than a scope that was made afterwards. */
	since := ARRAY(SELECT CASE WHEN s.made_at >= r.complete_since THEN s.complete_since
							   ELSE greatest(s.complete_since, r.complete_since) END
					 FROM unnest(scopes) WITH ORDINALITY AS u(scope, n)
					 JOIN outbox_inbox.scope AS s ON s.id = u.scope
					CROSS JOIN outbox_inbox.rotation AS r
					ORDER BY u.n);

	/* By the index, one at a time, however many there are: LIMIT keeps it from being a join. */
	known := ARRAY(SELECT u.n FROM unnest(scopes, claim.ids) WITH ORDINALITY AS u(scope, id, n)
					CROSS JOIN LATERAL (SELECT FROM outbox_inbox.applied_id AS a
										 WHERE a.scope = u.scope AND a.id = u.id LIMIT 1) AS a);

	/* min() and max() don't know uuid everywhere. */
	SELECT (array_agg(u.id ORDER BY u.id))[1], (array_agg(u.id ORDER BY u.id DESC))[1]
	  INTO lowest, highest
	  FROM unnest(scopes, claim.uuids, claim.deep) AS u(scope, id, deep)
	  JOIN outbox_inbox.scope AS s ON s.id = u.scope
	 WHERE u.deep AND s.arrays AND u.id IS NOT NULL;
	IF lowest IS NOT NULL THEN
		known := known || ARRAY(
			SELECT DISTINCT u.n
			  FROM (SELECT b.scope, e.id
					  FROM outbox_inbox.applied_batch AS b CROSS JOIN unnest(b.ids) AS e(id)
					 WHERE b.first_id <= highest AND b.last_id >= lowest
					   AND b.scope = ANY (scopes)
					OFFSET 0) AS b	/* each array is taken apart once */
			  JOIN unnest(scopes, claim.uuids, claim.deep) WITH ORDINALITY AS u(scope, id, deep, n)
				ON u.deep AND u.scope = b.scope AND u.id = b.id);
	END IF;

	aged := ARRAY(
		SELECT u.n
		  FROM unnest(claim.uuids, claim.flagged, claim.created, since)
			   WITH ORDINALITY AS u(id, flagged, created, since, n)
		 WHERE u.flagged AND u.since > '-infinity'
		   AND NOT EXISTS (SELECT FROM unnest(known) AS k(n) WHERE k.n = u.n)
		   AND coalesce(outbox_inbox.time_of(u.id, u.created), '-infinity')
			   < u.since + clocks);

	SELECT u.topic, u.since INTO bad
	  FROM unnest(claim.topics, claim.unknown, since)
		   WITH ORDINALITY AS u(topic, unknown, since, n)
	 WHERE u.n = ANY (aged) AND u.unknown = 'stop'
	 ORDER BY u.n LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'it is sent again, and whether it was applied before isn''t known: '
			'outbox_inbox has the ids of topic "%" from % on', bad.topic, bad.since
			USING ERRCODE = 'OBX03',
				HINT = 'Look for its effect in the target, and set "replayed" of the topic''s '
					   'handlers to apply or skip until it is passed.';
	END IF;
	known := known || ARRAY(SELECT u.n FROM unnest(claim.unknown) WITH ORDINALITY AS u(unknown, n)
							 WHERE u.n = ANY (aged) AND u.unknown = 'skip');

	/* Of several with one id the first one counts. */
	RETURN QUERY
		WITH item AS (
			SELECT u.scope, u.id, min(u.n) AS n
			  FROM unnest(scopes, claim.ids) WITH ORDINALITY AS u(scope, id, n)
			 WHERE NOT EXISTS (SELECT FROM unnest(known) AS k(n) WHERE k.n = u.n)
			 GROUP BY u.scope, u.id
		), inserted AS (
			INSERT INTO outbox_inbox.applied_id (rot, scope, id)
			SELECT r.current, i.scope, i.id FROM item AS i, outbox_inbox.rotation AS r
			 ORDER BY i.scope, i.id COLLATE "C"
			ON CONFLICT DO NOTHING
			RETURNING applied_id.scope, applied_id.id
		)
		SELECT u.n, t.id IS NOT NULL
		  FROM unnest(scopes, claim.ids) WITH ORDINALITY AS u(scope, id, n)
		  LEFT JOIN item AS i ON i.n = u.n
		  LEFT JOIN inserted AS t ON t.scope = i.scope AND t.id = i.id
		 ORDER BY u.n;
END
$$;

/*
 * Goes on to the next leaf, which it truncates, when it is time: each leaf takes
 * a third of the longest retention, and what is in the other three stays.  True
 * when it did.  Safe to call at any rate; when batches are in its way for longer
 * than 200 ms it leaves it to the next call.
 */
CREATE FUNCTION outbox_inbox.rotate()
	RETURNS boolean
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET lock_timeout = '200ms'
	AS $$
DECLARE
	now timestamptz;
	kept interval;
	r outbox_inbox.rotation;
	next integer;
	after_next timestamptz;
BEGIN
	SELECT max(s.retention) INTO kept FROM outbox_inbox.scope AS s
	 WHERE s.complete_since < 'infinity';
	SELECT o.* INTO r FROM outbox_inbox.rotation AS o;
	IF kept IS NULL OR clock_timestamp() - r.started_at[r.current + 1] < kept / 3 THEN
		RETURN false;
	END IF;
	BEGIN
		LOCK TABLE outbox_inbox.rotation IN ACCESS EXCLUSIVE MODE;
		SELECT o.* INTO r FROM outbox_inbox.rotation AS o;
		now := clock_timestamp();
		next := (r.current + 1) % 4;
		/* What it holds ended when the one behind it began. */
		after_next := r.started_at[(next + 1) % 4 + 1];
		IF now - r.started_at[r.current + 1] < kept / 3
			OR (r.started_at[next + 1] IS NOT NULL AND now - after_next < kept) THEN
			RETURN false;
		END IF;
		EXECUTE format('TRUNCATE outbox_inbox.applied_id_%s, outbox_inbox.applied_batch_%s',
					   next, next);
	EXCEPTION
		WHEN lock_not_available THEN
			RETURN false;
	END;
	UPDATE outbox_inbox.rotation AS o
	   SET complete_since = CASE WHEN r.started_at[next + 1] IS NULL THEN o.complete_since
								 ELSE after_next END,
		   started_at[next + 1] = now,
		   current = next;
	RETURN true;
END
$$;

/* A program of layout 1, which records no ids, finds no function. */
DROP FUNCTION outbox_inbox.advance(text, text, integer, bigint, bigint, bigint, timestamptz, text);

/*
 * Moves the progress of one partition, or raises OBX01 when it isn't where the
 * caller left it: then another consumer owns the partition, and the caller's
 * whole transaction has to go.  expected_next is NULL the first time.
 *
 * It raises because a batch goes out in one piece, with its COMMIT: an UPDATE
 * that finds no row would not stop it.  layout is that of the caller.
 */
CREATE FUNCTION outbox_inbox.advance(layout integer, group_name text, topic text,
									 "partition" integer, expected_next bigint, new_next bigint,
									 last_offset bigint, last_timestamp timestamptz, last_id text)
	RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	IF layout <> 2 THEN
		RAISE EXCEPTION 'outbox_inbox is of layout 2, not %', layout
			USING ERRCODE = 'feature_not_supported';
	END IF;
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

/*
 * Dead letters: a row for each event that was passed over, written with the
 * progress behind it.  The consumer never deletes one; who does gives the event up.
 */
CREATE TABLE outbox_inbox.dead_letter (
	number bigint GENERATED ALWAYS AS IDENTITY,
	group_name text NOT NULL,
	topic text NOT NULL,
	"partition" integer NOT NULL,
	kafka_offset bigint NOT NULL,
	event_id text,
	event_time timestamptz,
	handler text,
	sqlstate text NOT NULL,
	message text NOT NULL,
	letter_topic text,
	letter_partition integer,
	letter_offset bigint,
	refusal text,
	key bytea,
	value bytea,
	header_names bytea[] NOT NULL,
	header_values bytea[] NOT NULL,
	created_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
	redriven_at timestamptz,
	PRIMARY KEY (group_name, topic, "partition", kafka_offset),
	CHECK ((letter_topic IS NULL) = (refusal IS NOT NULL)),
	CHECK ((letter_topic IS NULL) = (letter_offset IS NULL)),
	CHECK ((letter_topic IS NULL) = (letter_partition IS NULL)),
	CHECK (cardinality(header_names) = cardinality(header_values))
);

CREATE INDEX dead_letter_waits ON outbox_inbox.dead_letter (group_name, number)
	WHERE redriven_at IS NULL;

COMMENT ON TABLE outbox_inbox.dead_letter IS
	'events that a consumer group passed over because a handler could not apply them';
COMMENT ON COLUMN outbox_inbox.dead_letter.number IS
	'rises in the order in which they were passed over; redrive takes them in it';
COMMENT ON COLUMN outbox_inbox.dead_letter.letter_topic IS
	'where the letter is, with its partition and offset; NULL: the topic did not take it, and key, value and headers are here';
COMMENT ON COLUMN outbox_inbox.dead_letter.refusal IS
	'why the topic did not take it';
COMMENT ON COLUMN outbox_inbox.dead_letter.header_names IS
	'in the order of the record; UTF-8';
COMMENT ON COLUMN outbox_inbox.dead_letter.redriven_at IS
	'when outbox-consumer redrive applied it; NULL: it waits';

/*
 * Marks a dead letter as applied, or raises OBX04 when it is marked already or
 * given up: the caller's whole transaction, with the handlers' effects, has to go then.
 * Two calls at once wait for each other.
 */
CREATE FUNCTION outbox_inbox.redrive(group_name text, topic text, "partition" integer,
									 kafka_offset bigint)
	RETURNS void
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	UPDATE outbox_inbox.dead_letter AS d
	   SET redriven_at = transaction_timestamp()
	 WHERE d.group_name = redrive.group_name AND d.topic = redrive.topic
	   AND d."partition" = redrive."partition" AND d.kafka_offset = redrive.kafka_offset
	   AND d.redriven_at IS NULL;

	IF NOT FOUND THEN
		RAISE EXCEPTION 'no dead letter of topic "%", partition %, offset % waits',
			topic, "partition", kafka_offset
			USING ERRCODE = 'OBX04';
	END IF;
END
$$;

REVOKE ALL ON ALL TABLES IN SCHEMA outbox_inbox FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA outbox_inbox FROM PUBLIC;

/* Roles of consumers stay roles of consumers. */
DO $$
DECLARE
	consumer oid;
BEGIN
	FOR consumer IN
		SELECT DISTINCT a.grantee
		  FROM pg_catalog.pg_class AS c, pg_catalog.aclexplode(c.relacl) AS a
		 WHERE c.oid = 'outbox_inbox.progress'::pg_catalog.regclass
		   AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, c.relowner)
	LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox_inbox TO %s',
								  consumer::pg_catalog.regrole);
		EXECUTE pg_catalog.format('GRANT SELECT, INSERT, UPDATE ON outbox_inbox.dead_letter TO %s',
								  consumer::pg_catalog.regrole);
	END LOOP;
END
$$;

COMMIT;
