-- EXECUTE on emit() is the privilege to write events; INSERT is the other.
CREATE ROLE regress_writer;
CREATE ROLE regress_inserter;
CREATE ROLE regress_nobody;
GRANT USAGE ON SCHEMA outbox TO regress_writer, regress_inserter;
GRANT EXECUTE ON FUNCTION outbox.emit(text, text, text, text, jsonb, uuid), outbox.emit(text, text, text, jsonb, jsonb, uuid) TO regress_writer;
GRANT INSERT (id, aggregatetype, aggregateid, type, payload, payload_bytes, headers) ON outbox.event TO regress_inserter;
GRANT EXECUTE ON FUNCTION outbox.uuid7(), outbox.current_partition(),
	outbox.event_is_valid(uuid, text, text, text, json, bytea, jsonb, timestamptz, xid8) TO regress_inserter;

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
-- not before the module is loaded either
\c -
SET ROLE regress_writer;
SET pg_outbox.allowed_types = 'other';
SELECT outbox.emit('order', '1', 'x', '{}') IS NOT NULL AS emitted;
SHOW pg_outbox.allowed_types;
RESET ROLE;
SET ROLE regress_inserter;
INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload) VALUES ('order', '1', 'x', '{}');
INSERT INTO outbox.event (aggregatetype) VALUES ('or der');
INSERT INTO outbox.event_1 (aggregatetype) VALUES ('order');
INSERT INTO outbox.event (aggregatetype, rot) VALUES ('order', 1);
INSERT INTO outbox.event (aggregatetype, xid) VALUES ('order', '1');
SELECT outbox.emit('order', '1', 'x', '{}');
UPDATE outbox.event SET type = 'y';
DELETE FROM outbox.event;
TRUNCATE outbox.event;
UPDATE outbox.rotation SET current = 2;
RESET ROLE;
SELECT count(*) FROM outbox.event;

-- row security on the table is honoured by emit(), too: with the caller's rights
ALTER TABLE outbox.event ENABLE ROW LEVEL SECURITY;
SET ROLE regress_writer;
SELECT outbox.emit('order', '1', 'x', '{}');
RESET ROLE;
GRANT regress_inserter TO regress_writer;
GRANT INSERT ON outbox.event TO regress_inserter;
SET ROLE regress_writer;
SELECT outbox.emit('order', '1', 'x', '{}');
RESET ROLE;
CREATE POLICY own ON outbox.event FOR INSERT TO regress_inserter WITH CHECK (aggregateid = 'mine');
SET ROLE regress_writer;
SELECT outbox.emit('order', 'mine', 'x', '{}') IS NOT NULL AS emitted;
SELECT outbox.emit('order', 'yours', 'x', '{}');
RESET ROLE;
DROP POLICY own ON outbox.event;
ALTER TABLE outbox.event DISABLE ROW LEVEL SECURITY;

-- who may maintain needs no right on the tables
GRANT EXECUTE ON FUNCTION outbox.maintain() TO regress_writer;
SET ROLE regress_writer;
SELECT outbox.maintain();
RESET ROLE;

-- a relay with what docs/sql.md lists
CREATE ROLE regress_relay;
GRANT USAGE ON SCHEMA outbox TO regress_relay;
GRANT SELECT, INSERT, UPDATE ON outbox.relay, outbox.topic TO regress_relay;
GRANT SELECT ON outbox.event, outbox.event_0, outbox.event_1, outbox.event_2, outbox.rotation TO regress_relay;
GRANT EXECUTE ON FUNCTION outbox.heartbeat(name), outbox.maintain() TO regress_relay;
-- its signatures differ between majors
CREATE FUNCTION on_messages(command text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	f regprocedure;
BEGIN
	FOR f IN SELECT oid FROM pg_proc WHERE proname = 'pg_logical_emit_message' LOOP
		EXECUTE format(command, f);
	END LOOP;
END $$;
SELECT on_messages('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC');
SET ROLE regress_relay;
SELECT pg_logical_emit_message(true, 'pg_outbox.heartbeat', 'forged');
SELECT outbox.heartbeat('s') IS NOT NULL AS sent;
SELECT outbox.maintain();
SELECT count(*) FROM outbox.event_0;
INSERT INTO outbox.relay (slot_name, publication, source_id, state) VALUES ('s', 'p', 'regress', 'creating');
UPDATE outbox.relay SET state = 'ready', mark_lsn = '0/1';
INSERT INTO outbox.topic (slot_name, topic, partitions) VALUES ('s', 't', 3);
DELETE FROM outbox.relay;
INSERT INTO outbox.event (aggregatetype) VALUES ('order');
TRUNCATE outbox.event_0;
RESET ROLE;
SELECT on_messages('GRANT EXECUTE ON FUNCTION %s TO PUBLIC');
DROP OWNED BY regress_writer, regress_inserter, regress_nobody, regress_relay;
DROP ROLE regress_writer, regress_inserter, regress_nobody, regress_relay;
