-- What is no event is rejected in its writer's transaction, by emit() and by INSERT alike.
\set SHOW_CONTEXT never
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text; hint text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN format('%s: %s | %s | %s', SQLSTATE, message, detail, hint);
END $$;
CREATE TABLE cases (n serial, aggregatetype text, payload json, payload_bytes bytea, headers jsonb);
INSERT INTO cases (aggregatetype, payload, payload_bytes, headers) VALUES
	('ok', '{}', NULL, NULL),
	('a.b_c-D9', NULL, 'x', NULL),
	(NULL, '{}', NULL, NULL),
	('', '{}', NULL, NULL),
	('two words', '{}', NULL, NULL),
	('../etc', '{}', NULL, NULL),
	('caf' || chr(233), '{}', NULL, NULL),
	(repeat('x', 236), '{}', NULL, NULL),
	(repeat('x', 237), '{}', NULL, NULL),
	('ok', '{}', 'x', NULL),
	('ok', '{}', NULL, '[]'),
	('ok', '{}', NULL, '"text"'),
	('ok', '{}', NULL, '{"a": {"b": 1}}'),
	('ok', '{}', NULL, '{"a": [1]}'),
	('ok', '{}', NULL, '{"a": {}}'),
	('ok', '{}', NULL, '{}'),
	('ok', '{}', NULL, '{"id": "x"}'),
	('ok', '{}', NULL, '{"type": "x"}'),
	('ok', '{}', NULL, '{"outbox-position": "x"}'),
	('ok', '{}', NULL, '{"outbox-replayed": "x"}'),
	('ok', '{}', NULL, (SELECT jsonb_object_agg('h' || i, i) FROM generate_series(1, 60) AS i)),
	('ok', '{}', NULL, (SELECT jsonb_object_agg('h' || i, i) FROM generate_series(1, 61) AS i));
SELECT n, attempt(format('INSERT INTO outbox.event (aggregatetype, payload, payload_bytes, headers) VALUES (%L, %L, %L, %L)',
						 aggregatetype, payload, payload_bytes, headers)) FROM cases ORDER BY n;
-- what has a default isn't null
SELECT c, attempt(format('INSERT INTO outbox.event (aggregatetype, %I) VALUES (%L, NULL)', c, 'ok')) FROM unnest(ARRAY['id', 'created_at', 'xid', 'rot']) AS c;
-- emit() says the same
SELECT n FROM cases
 WHERE (payload IS NULL OR payload_bytes IS NULL)
   AND attempt(format('INSERT INTO outbox.event (aggregatetype, payload, payload_bytes, headers) VALUES (%L, %L, %L, %L)', aggregatetype, payload, payload_bytes, headers))
	<> attempt(format('SELECT outbox.emit(%L, NULL, NULL, %L::%s, %L)', aggregatetype, coalesce(payload::text, payload_bytes::text),
					  CASE WHEN payload IS NULL THEN 'bytea' ELSE 'json' END, headers));

-- size: every part counts, to the byte
SET pg_outbox.max_event_bytes = 100;
SELECT attempt(format('SELECT outbox.emit(%L, %L, %L, %L::bytea)', 'abcd', 'efgh', 'ij', repeat('x', 90)));
SELECT attempt(format('SELECT outbox.emit(%L, %L, %L, %L::bytea)', 'abcd', 'efgh', 'ij', repeat('x', 91)));
SELECT attempt(format('INSERT INTO outbox.event (aggregatetype, payload_bytes) VALUES (%L, %L)', 'abcd', repeat('x', 97)));
-- a payload that compresses well counts as long as it is
CREATE TABLE stored (payload_bytes bytea);
INSERT INTO stored VALUES (repeat('x', 100000)::bytea);
SELECT attempt('INSERT INTO outbox.event (aggregatetype, payload_bytes) SELECT ''abcd'', payload_bytes FROM stored');
RESET pg_outbox.max_event_bytes;
SELECT attempt('INSERT INTO outbox.event (aggregatetype, payload_bytes) SELECT ''abcd'', payload_bytes FROM stored');
\set VERBOSITY sqlstate
SET pg_outbox.max_event_bytes = '300MB';
\set VERBOSITY default

-- allowed types
SET pg_outbox.allowed_types = 'order, driver';
SELECT t, attempt(format('SELECT outbox.emit(%L, NULL, NULL, %L)', t, '{}')) FROM unnest(ARRAY['order', 'driver', 'orde', 'orders', ' order', 'other']) AS t;
SET pg_outbox.allowed_types = 'order,two words';
SET pg_outbox.allowed_types = 'order,,driver';
RESET pg_outbox.allowed_types;

-- headers have a limit of their own
SET pg_outbox.max_event_bytes = '2MB';
SELECT attempt(format('SELECT outbox.emit(%L, NULL, NULL, %L, jsonb_build_object(%L, repeat(%L, 1000000)))', 'ok', '{}', 'h', 'x'));
SELECT attempt(format('SELECT outbox.emit(%L, NULL, NULL, %L, jsonb_build_object(%L, repeat(%L, 1100000)))', 'ok', '{}', 'h', 'x'));
RESET pg_outbox.max_event_bytes;

-- text that is no JSON
SELECT attempt($$SELECT outbox.emit('order', '1', 'x', '{"a":')$$);

-- a rejected row fails its statement and nothing else
BEGIN;
SELECT outbox.emit('tx', '1', 'before', '{}') IS NOT NULL AS emitted;
SAVEPOINT s;
INSERT INTO outbox.event (aggregatetype, payload) VALUES ('tx', '{}'), ('t x', '{}');
ROLLBACK TO s;
COMMIT;
SELECT count(*) FROM outbox.event WHERE aggregatetype = 'tx';

-- events stay as they are, but may be deleted
UPDATE outbox.event SET type = 'other';
UPDATE outbox.event_0 SET type = 'other' WHERE aggregatetype = 'tx';
SET session_replication_role = replica;
UPDATE outbox.event SET type = 'other';
RESET session_replication_role;
UPDATE outbox.event SET type = 'other' WHERE false;
DELETE FROM outbox.event WHERE aggregatetype = 'tx';
SELECT count(*) FROM outbox.event WHERE aggregatetype = 'tx';
