-- Rotation: current, closing, closed, truncated when old and published.
CREATE VIEW partitions AS SELECT rot, state, closed_lsn IS NOT NULL AS has_lsn FROM outbox.partition ORDER BY rot;
CREATE VIEW places AS SELECT tableoid::regclass AS leaf, rot, count(*) FROM outbox.event GROUP BY 1, 2 ORDER BY 2;
-- a session that has not loaded the module knows the settings all the same
\c -
SELECT outbox.maintain();
SELECT * FROM outbox.rotation_settings();
SELECT outbox.emit('r', '0', 'x', '{}') IS NOT NULL AS emitted;
-- not before its time
SELECT outbox.maintain();
SET pg_outbox.rotation_interval = 0;
SELECT outbox.maintain();
SELECT outbox.emit('r', '1', 'x', '{}') IS NOT NULL AS emitted;
INSERT INTO outbox.event (aggregatetype, aggregateid) VALUES ('r', '1');
TABLE places;
TABLE partitions;
SELECT outbox.maintain();
TABLE partitions;
-- an empty partition stays
SELECT outbox.maintain();
SELECT outbox.emit('r', '2', 'x', '{}') IS NOT NULL AS emitted;
-- nothing is truncated before its time, and so nothing rotates onto what is kept
INSERT INTO outbox.relay (slot_name, publication, source_id, state, mark_lsn) VALUES ('s', 'p', 'regress', 'ready', 'FFFFFFFF/FFFFFFFF');
SELECT outbox.maintain();
SELECT outbox.maintain();
TABLE partitions;
TABLE places;

-- nor while no relay is registered, or one of them is behind or not ready
SET pg_outbox.retention = 0;
DELETE FROM outbox.relay;
SELECT outbox.maintain();
INSERT INTO outbox.relay (slot_name, publication, source_id, state, mark_lsn) VALUES ('s', 'p', 'regress', 'ready', 'FFFFFFFF/FFFFFFFF');
INSERT INTO outbox.relay (slot_name, publication, source_id, state) VALUES ('t', 'p', 'other', 'ready');
SELECT outbox.maintain();
UPDATE outbox.relay SET mark_lsn = '0/1' WHERE slot_name = 't';
SELECT outbox.maintain();
UPDATE outbox.relay SET state = 'backfill', mark_lsn = pg_current_wal_insert_lsn() WHERE slot_name = 't';
SELECT outbox.maintain();
TABLE places;
UPDATE outbox.relay SET state = 'ready', mark_lsn = (SELECT closed_lsn - 1 FROM outbox.partition WHERE rot = 0) WHERE slot_name = 't';
SELECT outbox.maintain();
UPDATE outbox.relay SET mark_lsn = (SELECT closed_lsn FROM outbox.partition WHERE rot = 0) WHERE slot_name = 't';
SELECT outbox.maintain();
TABLE partitions;
TABLE places;

-- round and round
UPDATE outbox.relay SET mark_lsn = 'FFFFFFFF/FFFFFFFF';
SELECT outbox.emit('r', '3', 'x', '{}') IS NOT NULL AS emitted;
SELECT outbox.maintain();
SELECT outbox.emit('r', '4', 'x', '{}') IS NOT NULL AS emitted;
SELECT outbox.maintain();
TABLE partitions;
TABLE places;

-- at rest it writes nothing
SET pg_outbox.rotation_interval = '1d';
SELECT outbox.maintain();
SELECT outbox.maintain();
BEGIN;
SELECT outbox.maintain();
SELECT pg_current_xact_id_if_assigned() IS NULL AS silent;
COMMIT;
SET pg_outbox.rotation_interval = 0;

-- a rotation that is rolled back didn't happen, in this session too
SELECT outbox.emit('r', '5', 'x', '{}') IS NOT NULL AS emitted;
SELECT current AS before FROM outbox.rotation \gset
BEGIN;
SELECT outbox.maintain() LIKE '%rotated%' AS rotated;
SELECT outbox.current_partition() <> :before AS other;
SELECT outbox.emit('r', 'open', 'x', '{}') IS NOT NULL AS emitted;
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT outbox.maintain() LIKE '%rotated%' AS rotated;
SELECT outbox.emit('r', 'open', 'x', '{}') IS NOT NULL AS emitted;
ROLLBACK TO s;
SELECT outbox.emit('r', 'after', 'x', '{}') IS NOT NULL AS emitted;
COMMIT;
SELECT rot = :before AS right_partition FROM outbox.event WHERE aggregateid = 'after';
SELECT outbox.current_partition() = (SELECT current FROM outbox.rotation) AS same;

-- a row that is gone is missed, a second one refused
BEGIN;
DELETE FROM outbox.rotation;
SELECT outbox.emit('r', '6', 'x', '{}');
ROLLBACK;
\set VERBOSITY terse
INSERT INTO outbox.rotation (current) VALUES (0);
UPDATE outbox.rotation SET current = 3;
\set VERBOSITY default
SELECT outbox.emit('r', '6', 'x', '{}') IS NOT NULL AS emitted;
