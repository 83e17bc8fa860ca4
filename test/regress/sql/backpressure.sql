-- pg_outbox.backpressure: writers hear of relays that are behind.
\set SHOW_CONTEXT never
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text; hint text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN format('%s: %s | %s | %s', SQLSTATE, message, regexp_replace(detail, '\d+ kB behind', 'N kB behind'), hint);
END $$;
CREATE VIEW writers AS SELECT * FROM (VALUES
	('emit', $$SELECT outbox.emit('order', '1', 'x', '{}')$$),
	('insert', $$INSERT INTO outbox.event (aggregatetype) VALUES ('order')$$)) AS w (writer, statement);
SELECT outbox.uuid7() IS NOT NULL AS loaded;
SELECT name, setting, unit, min_val, max_val, context, enumvals FROM pg_settings
 WHERE name IN ('pg_outbox.backpressure', 'pg_outbox.max_lag', 'pg_outbox.slots') ORDER BY name;

-- off: nobody looks
SELECT writer, attempt(statement) FROM writers;

-- a missing slot is behind by more than any limit
SET pg_outbox.backpressure = 'error';
SELECT writer, attempt(statement) FROM writers;
SET pg_outbox.storage = 'wal';
SELECT attempt($$SELECT outbox.emit('order', '1', 'x', '{}')$$);
RESET pg_outbox.storage;
SELECT slot_name FROM pg_create_logical_replication_slot('pg_outbox', 'pgoutput');
SELECT writer, attempt(statement) FROM writers;

-- one of several
SET pg_outbox.slots = 'pg_outbox, other_*';
SELECT attempt($$SELECT outbox.emit('order', '1', 'x', '{}')$$);
SELECT slot_name FROM pg_create_logical_replication_slot('other_one', 'pgoutput');
SELECT attempt($$SELECT outbox.emit('order', '1', 'x', '{}')$$);
-- a physical slot, and one of another database, aren't ours
SELECT slot_name FROM pg_create_physical_replication_slot('foreign_one');
SET pg_outbox.slots = 'foreign_*';
SELECT attempt($$SELECT outbox.emit('order', '1', 'x', '{}')$$);
SELECT pg_drop_replication_slot('foreign_one');

-- patterns
SELECT p, left(attempt(format('SET LOCAL pg_outbox.slots = %L; SELECT outbox.emit(%L, NULL, NULL, NULL)', p, 'order')), 8)
  FROM unnest(ARRAY['*', 'pg_*', '*_outbox', '*t*t*', 'p*x', 'pg_outbox*', '**', 'pg_outbo', 'g_outbox', 'pg_outboxx', '*z*', 'pg*outbox*y']) AS p;
SELECT p, attempt(format('SET LOCAL pg_outbox.slots = %L', p)) FROM unnest(ARRAY['', ' ', 'a,', 'A', 'a b', 'a%', repeat('a', 64)]) AS p;

-- behind by more than the limit
RESET pg_outbox.slots;
SET pg_outbox.max_lag = '512kB';
SELECT pg_replication_slot_advance('pg_outbox', pg_current_wal_lsn()) IS NOT NULL AS advanced;
SELECT attempt($$SELECT outbox.emit('order', '1', 'x', '{}')$$);
SELECT pg_logical_emit_message(false, 'filler', repeat('x', 600000)) IS NOT NULL AS written;
SELECT writer, attempt(statement) FROM writers;
-- the statement is undone, and nothing else
BEGIN;
CREATE TABLE business (n int);
INSERT INTO business VALUES (1);
SELECT attempt($$WITH b AS (INSERT INTO business VALUES (2) RETURNING n) SELECT outbox.emit('order', n::text, 'x', '{}') FROM b$$) LIKE 'OB001%' AS refused;
COMMIT;
SELECT n FROM business;
-- a warning, and not with each event
SET pg_outbox.backpressure = 'warn';
\set VERBOSITY terse
SELECT count(outbox.emit('order', '1', 'x', '{}')) FROM generate_series(1, 1000);
SELECT count(outbox.emit('order', '1', 'x', '{}')) FROM generate_series(1, 1000);
\set VERBOSITY default
-- the relay catches up
SET pg_outbox.backpressure = 'error';
SELECT pg_replication_slot_advance('pg_outbox', pg_current_wal_lsn()) IS NOT NULL AS advanced;
SELECT writer, attempt(statement) FROM writers;

-- policy: not for everybody
CREATE ROLE regress_hasty;
GRANT USAGE ON SCHEMA outbox TO regress_hasty;
GRANT EXECUTE ON FUNCTION outbox.emit(text, text, text, text, jsonb, uuid) TO regress_hasty;
SET ROLE regress_hasty;
SET pg_outbox.backpressure = 'off';
SET pg_outbox.max_lag = '1TB';
SET pg_outbox.slots = '*';
RESET ROLE;
GRANT SET ON PARAMETER pg_outbox.backpressure TO regress_hasty;
SET ROLE regress_hasty;
SET pg_outbox.backpressure = 'off';
SELECT outbox.emit('order', '1', 'x', '{}') IS NOT NULL AS emitted;
RESET ROLE;
REVOKE SET ON PARAMETER pg_outbox.backpressure FROM regress_hasty;
DROP OWNED BY regress_hasty;
DROP ROLE regress_hasty;
SELECT pg_drop_replication_slot(s) FROM unnest(ARRAY['pg_outbox', 'other_one']) AS s;
