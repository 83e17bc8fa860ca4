-- Rotation: current, closed, truncated when old and published.
CREATE VIEW partitions AS SELECT rot, state, closed_lsn IS NOT NULL AS has_lsn FROM outbox.partition ORDER BY rot;
SELECT outbox.maintain();
SELECT outbox.emit('r', '0', 'x', '{}') IS NOT NULL AS emitted;
SET pg_outbox.rotation_interval = 0;
SELECT outbox.maintain();
SELECT outbox.emit('r', '1', 'x', '{}') IS NOT NULL AS emitted;
INSERT INTO outbox.event (aggregatetype, aggregateid) VALUES ('r', '1');
SELECT tableoid::regclass, rot, count(*) FROM outbox.event GROUP BY 1, 2 ORDER BY 2;
TABLE partitions;
SELECT outbox.maintain();
TABLE partitions;
-- nothing is truncated before its time, and so nothing rotates onto what is kept
SELECT outbox.maintain();
SELECT outbox.maintain();
TABLE partitions;
SELECT count(*) FROM outbox.event;

-- nor while a registered relay is behind or not ready
SET pg_outbox.retention = 0;
INSERT INTO outbox.relay (slot_name, publication, source_id, state, mark_lsn) VALUES ('s', 'p', 'regress', 'ready', '0/1');
SELECT outbox.maintain();
SELECT count(*) FROM outbox.event;
UPDATE outbox.relay SET state = 'backfill', mark_lsn = pg_current_wal_insert_lsn();
SELECT outbox.maintain();
SELECT count(*) FROM outbox.event;
UPDATE outbox.relay SET state = 'ready', mark_lsn = pg_current_wal_insert_lsn();
SELECT outbox.maintain();
TABLE partitions;
SELECT tableoid::regclass, count(*) FROM outbox.event GROUP BY 1 ORDER BY 1;

-- a rotation that is rolled back didn't happen, in this session too
BEGIN;
SELECT outbox.maintain() <> '' AS rotated;
SELECT outbox.emit('r', 'open', 'x', '{}') IS NOT NULL AS emitted;
ROLLBACK;
SELECT outbox.current_partition() = (SELECT current FROM outbox.rotation) AS same;
SELECT outbox.emit('r', 'after', 'x', '{}') IS NOT NULL AS emitted;
SELECT rot = (SELECT current FROM outbox.rotation) AS right_partition FROM outbox.event WHERE aggregateid = 'after';
