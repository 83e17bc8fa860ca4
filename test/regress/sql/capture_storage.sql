-- Captured rows take the way of all events: pg_outbox.storage, traces, backpressure.
\set SHOW_CONTEXT never
SELECT outbox.uuid7() IS NOT NULL AS loaded;
CREATE TABLE t (id int PRIMARY KEY, v text);
SELECT outbox.attach('t', 'captured');
CREATE TABLE s (id int PRIMARY KEY, v text);
SELECT outbox.attach('s', 'captured', level => 'statement');

-- a trace that the session is in
SET pg_outbox.traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
INSERT INTO t VALUES (1, 'traced');
RESET pg_outbox.traceparent;
SELECT aggregateid, headers FROM outbox.event;
TRUNCATE outbox.event;

-- as messages: nothing in the table, the same payload in the WAL; in their transaction and savepoint
SET pg_outbox.storage = 'wal';
INSERT INTO t VALUES (2, 'nobody reads it');
SELECT count(*) FROM t;
INSERT INTO outbox.relay (slot_name, publication, source_id, state, wal_messages) VALUES ('regress_capture', 'p', 'regress', 'ready', true);
CREATE PUBLICATION "none";
SELECT slot_name FROM pg_create_logical_replication_slot('regress_capture', 'pgoutput');
CREATE VIEW messages AS
	SELECT convert_from(substring(data FROM position('{"op"'::bytea IN data)), 'UTF8') AS payload
	  FROM pg_logical_slot_peek_binary_changes('regress_capture', NULL, NULL, 'proto_version', '1', 'publication_names', 'none', 'messages', 'true')
	 WHERE get_byte(data, 0) = ascii('M') AND position('captured'::bytea IN data) > 0;
INSERT INTO t VALUES (3, 'message');
BEGIN;
UPDATE t SET v = 'changed' WHERE id = 3;
SAVEPOINT s;
DELETE FROM t WHERE id = 3;
ROLLBACK TO s;
COMMIT;
BEGIN;
DELETE FROM t;
ROLLBACK;
INSERT INTO s VALUES (4, 'a'), (5, 'b');
SELECT payload FROM messages;
SELECT count(*) FROM outbox.event;
RESET pg_outbox.storage;

-- a writer whose relay is too far behind hears of it at the table that it writes to
SET pg_outbox.slots = 'missing';
SET pg_outbox.backpressure = 'error';
INSERT INTO t VALUES (6, 'refused');
RESET pg_outbox.backpressure;
RESET pg_outbox.slots;
INSERT INTO t VALUES (6, 'accepted');
SELECT id FROM t ORDER BY 1;
SELECT payload FROM outbox.event;
SELECT pg_drop_replication_slot('regress_capture');
