-- EXECUTE on emit() is the privilege to write events; INSERT is the other.
CREATE ROLE regress_writer;
CREATE ROLE regress_inserter;
CREATE ROLE regress_nobody;
GRANT USAGE ON SCHEMA outbox TO regress_writer, regress_inserter;
GRANT EXECUTE ON FUNCTION outbox.emit(text, text, text, text, jsonb, uuid), outbox.emit(text, text, text, jsonb, jsonb, uuid) TO regress_writer;
GRANT INSERT ON outbox.event TO regress_inserter;

SET ROLE regress_nobody;
SELECT outbox.emit('order', '1', 'x', '{}');
RESET ROLE;
SET ROLE regress_writer;
SELECT outbox.emit('order', '1', 'x', '{}') IS NOT NULL AS emitted;
SELECT outbox.emit('order', '1', 'x', '{}'::jsonb) IS NOT NULL AS emitted;
SELECT outbox.emit('order', '1', 'x', 'x'::bytea);
INSERT INTO outbox.event (aggregatetype) VALUES ('order');
SELECT count(*) FROM outbox.event;
SELECT outbox.maintain();
SELECT outbox.heartbeat('s');
SET pg_outbox.max_event_bytes = 1;
SET pg_outbox.allowed_types = 'x';
RESET ROLE;
SET ROLE regress_inserter;
INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload) VALUES ('order', '1', 'x', '{}');
INSERT INTO outbox.event (aggregatetype) VALUES ('or der');
INSERT INTO outbox.event_1 (aggregatetype) VALUES ('order');
SELECT outbox.emit('order', '1', 'x', '{}');
UPDATE outbox.event SET type = 'y';
DELETE FROM outbox.event;
TRUNCATE outbox.event;
UPDATE outbox.rotation SET current = 2;
RESET ROLE;
SELECT count(*) FROM outbox.event;

-- row security on the table is honoured by emit(), too
ALTER TABLE outbox.event_0 ENABLE ROW LEVEL SECURITY;
GRANT INSERT ON outbox.event TO regress_writer;
ALTER TABLE outbox.event ENABLE ROW LEVEL SECURITY;
SET ROLE regress_writer;
SELECT outbox.emit('order', '1', 'x', '{}');
RESET ROLE;

-- who may maintain needs no right on the tables
GRANT EXECUTE ON FUNCTION outbox.maintain() TO regress_writer;
SET ROLE regress_writer;
SELECT outbox.maintain();
RESET ROLE;
DROP OWNED BY regress_writer, regress_inserter, regress_nobody;
DROP ROLE regress_writer, regress_inserter, regress_nobody;
