-- Dead letters are written by a relay, and sent again by outbox.redrive(), each once.
\pset null '~'
CREATE ROLE regress_relay;
CREATE ROLE regress_operator;
CREATE ROLE regress_writer;
GRANT USAGE ON SCHEMA outbox TO regress_relay, regress_operator, regress_writer;
GRANT SELECT, INSERT ON outbox.dead_letter TO regress_relay;
GRANT EXECUTE ON FUNCTION outbox.redrive(uuid[], name, timestamptz, timestamptz) TO regress_operator;
GRANT EXECUTE ON FUNCTION outbox.emit(text, text, text, json, jsonb, uuid) TO regress_writer;

SET ROLE regress_relay;
INSERT INTO outbox.dead_letter (slot_name, position, topic, reason, errcode, at, id, aggregatetype, aggregateid, type, payload, headers, created_at)
	SELECT 's', format('src/1.1/0/%s/0', 100 + n), 'outbox.event.order', 'too large', 'MSG_SIZE_TOO_LARGE',
		   timestamptz '2026-01-01 00:00:00Z' + n * interval '1 day', format('00000000-0000-7000-8000-00000000000%s', n)::uuid,
		   'order', n::text, 'created', json_build_object('n', n), CASE WHEN n <> 2 THEN '{"tenant": "north"}'::jsonb END,
		   timestamptz '2025-12-31 00:00:00Z'
	  FROM generate_series(1, 5) AS n;
-- a relay that starts again meets the same event again
INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype) VALUES ('s', 'src/1.1/0/101/0', 'too large', NULL, NULL)
	ON CONFLICT (slot_name, position) DO NOTHING;
INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype, payload_bytes)
	VALUES ('t', 'other/1.1/0/101/0', 'no topic', '00000000-0000-7000-8000-000000000001', 'order', '\x00ff');
-- it can do nothing else with them
UPDATE outbox.dead_letter SET redriven_at = now();
DELETE FROM outbox.dead_letter;
SELECT outbox.redrive(slot => 's');
RESET ROLE;

CREATE VIEW letters AS SELECT number, slot_name, position, id, redriven_at IS NOT NULL AS redriven, redriven_by FROM outbox.dead_letter ORDER BY number;
CREATE VIEW events AS
	SELECT id, aggregatetype, aggregateid, type, payload, payload_bytes, headers, created_at, rot FROM outbox.event ORDER BY ctid;
TABLE letters;

SET ROLE regress_operator;
SELECT count(*) FROM outbox.dead_letter;
-- nothing is chosen by default
SELECT outbox.redrive();
-- by time: from since, before until
SELECT outbox.redrive(since => '2026-01-05 00:00:00Z', until => '2026-01-06 00:00:00Z');
-- by id, and slot
SELECT outbox.redrive(ARRAY['00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002',
	'00000000-0000-7000-8000-00000000000f']::uuid[], 's');
-- not twice
SELECT outbox.redrive(ARRAY['00000000-0000-7000-8000-000000000001']::uuid[], 's');
-- the rest of a slot, in the order in which they were met; and the other relay's, which has the same event
SELECT outbox.redrive(slot => 's');
SELECT outbox.redrive(slot => 't');
SELECT outbox.redrive(slot => 'nobody');
SELECT outbox.redrive('{}');
RESET ROLE;
TABLE letters;
SELECT created_at >= now() - interval '1 hour' AS made_up FROM outbox.event WHERE payload_bytes IS NOT NULL;
CREATE OR REPLACE VIEW events AS
	SELECT id, aggregatetype, aggregateid, type, payload, payload_bytes, headers,
		   CASE WHEN payload_bytes IS NULL THEN created_at END AS created_at, rot FROM outbox.event ORDER BY ctid;
TABLE events;

-- what can't be an event is refused, and undoes the call; it may be mended, or left out
INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype, created_at) VALUES
	('u', 'src/1.1/0/201/0', 'fine', '00000000-0000-7000-8000-000000000011', 'order', now()),
	('u', 'src/1.1/0/202/0', 'makes no topic', '00000000-0000-7000-8000-000000000012', 'or der', now());
SELECT outbox.redrive(slot => 'u');
SELECT count(*) FROM outbox.dead_letter WHERE slot_name = 'u' AND redriven_at IS NULL;
UPDATE outbox.dead_letter SET aggregatetype = 'order' WHERE aggregatetype = 'or der';
SELECT outbox.redrive(slot => 'u');

-- the header: for the owner of outbox.event, beside as many others as a writer may give
SELECT outbox.emit('order', '1', 'x', 'null'::json, '{"outbox-replayed": "x"}') IS NOT NULL AS emitted;
SELECT outbox.emit('order', '1', 'x', 'null'::json,
	(SELECT jsonb_object_agg('h' || n, n) || '{"outbox-replayed": "x"}' FROM generate_series(1, 60) AS n)) IS NOT NULL AS emitted;
SELECT outbox.emit('order', '1', 'x', 'null'::json,
	(SELECT jsonb_object_agg('h' || n, n) || '{"outbox-replayed": "x"}' FROM generate_series(1, 61) AS n));
SET ROLE regress_writer;
SELECT outbox.emit('order', '1', 'x', 'null'::json, '{"outbox-replayed": "x"}');
RESET ROLE;
GRANT INSERT ON outbox.event TO regress_writer;
GRANT EXECUTE ON FUNCTION outbox.uuid7(), outbox.current_partition(),
	outbox.event_is_valid(uuid, text, text, text, json, bytea, jsonb, timestamptz, xid8) TO regress_writer;
SET ROLE regress_writer;
INSERT INTO outbox.event (aggregatetype, headers) VALUES ('order', '{"outbox-replayed": "x"}');
RESET ROLE;
DROP OWNED BY regress_relay, regress_operator, regress_writer;
DROP ROLE regress_relay, regress_operator, regress_writer;
