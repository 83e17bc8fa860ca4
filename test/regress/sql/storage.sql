-- pg_outbox.storage = wal: emit() writes a logical message.
\set SHOW_CONTEXT never
SELECT outbox.uuid7() IS NOT NULL AS loaded;
SELECT name, setting, unit, context, enumvals FROM pg_settings WHERE name = 'pg_outbox.storage';
SET pg_outbox.storage = 'file';
SET pg_outbox.storage = 'wal';

-- nobody would read it
SELECT outbox.emit('order', '1', 'created', '{}');
INSERT INTO outbox.relay (slot_name, publication, source_id, state, wal_messages)
	VALUES ('regress_storage', 'p', 'regress', 'creating', true);
SELECT outbox.emit('order', '1', 'created', '{}');
UPDATE outbox.relay SET state = 'ready', wal_messages = false;
SELECT outbox.emit('order', '1', 'created', '{}');
UPDATE outbox.relay SET wal_messages = true;
SELECT outbox.emit('order', '1', 'created', '{}');
SELECT slot_name FROM pg_create_logical_replication_slot('regress_storage', 'pgoutput');

-- now somebody does
CREATE VIEW messages AS
	SELECT transactional, prefix, message.content AS bytes
	  FROM (SELECT get_byte(data, 1) = 1 AS transactional, substr(data, 11) AS rest
			  FROM pg_logical_slot_peek_binary_changes('regress_storage', NULL, NULL,
				'proto_version', '1', 'publication_names', 'none', 'messages', 'true')
			 WHERE get_byte(data, 0) = ascii('M')) AS m,
		   LATERAL (SELECT position('\x00'::bytea IN rest) AS zero) AS z,
		   LATERAL (SELECT convert_from(substr(rest, 1, zero - 1), 'UTF8') AS prefix, substr(rest, zero + 5) AS content) AS message;
SELECT outbox.emit('order', '42', 'created', '{"a":  1}', id => '01890a5d-ac96-774b-bcce-b302099a8057');
SELECT outbox.emit('order', NULL, NULL, NULL, id => '01890a5d-ac96-774b-bcce-b302099a8057');
SELECT outbox.emit('order', '', '', ''::bytea, id => '01890a5d-ac96-774b-bcce-b302099a8057');
SELECT outbox.emit('order', '1', 'x', '\x00ff'::bytea, '{"b": 1.50, "a": null}', '01890a5d-ac96-774b-bcce-b302099a8057');
SELECT outbox.emit('order', repeat('k', 130), 'x', '{"a": 1.50}'::jsonb, id => '01890a5d-ac96-774b-bcce-b302099a8057');
SELECT transactional, prefix, bytes FROM messages;
SELECT count(*) FROM outbox.event;

-- in its transaction and savepoint
BEGIN;
SELECT outbox.emit('kept', '1', 'x', '{}') IS NOT NULL AS emitted;
SAVEPOINT s;
SELECT outbox.emit('gone', '1', 'x', '{}') IS NOT NULL AS emitted;
ROLLBACK TO s;
COMMIT;
BEGIN;
SELECT outbox.emit('gone', '1', 'x', '{}') IS NOT NULL AS emitted;
ROLLBACK;
SELECT convert_from(substr(bytes, 21, 4), 'UTF8') AS aggregatetype, count(*) FROM messages
 WHERE get_byte(bytes, 17) = 4 GROUP BY 1;

-- the same checks as for a row
SELECT outbox.emit('or der', '1', 'created', '{}');
SELECT outbox.emit('order', '1', 'created', '{"a"');
SELECT outbox.emit('order', '1', 'created', '{}', '{"id": 1}');
SELECT outbox.emit('order', '1', 'created', to_json(repeat('x', 1000000)));
BEGIN READ ONLY;
SELECT outbox.emit('order', '1', 'created', '{}');
ROLLBACK;

-- INSERT is a row, whatever the storage
INSERT INTO outbox.event (aggregatetype) VALUES ('row');
SELECT aggregatetype FROM outbox.event;

-- a slot that is gone, a registration that is gone, one that comes again
SELECT pg_drop_replication_slot('regress_storage');
SELECT outbox.emit('order', '1', 'created', '{}');
SELECT slot_name FROM pg_create_logical_replication_slot('regress_storage', 'pgoutput');
SELECT outbox.emit('order', '1', 'created', '{}') IS NOT NULL AS emitted;
-- the routing map goes with its registration
INSERT INTO outbox.topic (slot_name, topic, partitions) SELECT slot_name, 't', 3 FROM outbox.relay;
BEGIN;
DELETE FROM outbox.relay;
SELECT count(*) FROM outbox.topic;
SELECT outbox.emit('order', '1', 'created', '{}');
ROLLBACK;
SELECT outbox.emit('order', '1', 'created', '{}') IS NOT NULL AS emitted;
SELECT count(*) FROM outbox.topic;
TRUNCATE outbox.relay;
SELECT count(*) FROM outbox.topic;
SELECT outbox.emit('order', '1', 'created', '{}');
RESET pg_outbox.storage;
SELECT outbox.emit('order', '1', 'created', '{}') IS NOT NULL AS emitted;
SELECT pg_drop_replication_slot('regress_storage');

-- who writes messages has no right on the table
INSERT INTO outbox.relay (slot_name, publication, source_id, state, wal_messages)
	VALUES ('regress_storage', 'p', 'regress', 'ready', true);
SELECT slot_name FROM pg_create_logical_replication_slot('regress_storage', 'pgoutput');
CREATE ROLE regress_messenger;
GRANT USAGE ON SCHEMA outbox TO regress_messenger;
GRANT EXECUTE ON FUNCTION outbox.emit(text, text, text, text, jsonb, uuid) TO regress_messenger;
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
SET pg_outbox.storage = 'wal';
SET ROLE regress_messenger;
SELECT outbox.emit('order', '1', 'created', '{}') IS NOT NULL AS emitted;
SELECT pg_logical_emit_message(true, 'pg_outbox', 'forged'::text);
SELECT pg_logical_emit_message(true, 'pg_outbox', 'forged'::bytea);
SET pg_outbox.storage = 'table';
RESET ROLE;
SELECT on_messages('GRANT EXECUTE ON FUNCTION %s TO PUBLIC');
DROP OWNED BY regress_messenger;
DROP ROLE regress_messenger;
SELECT pg_drop_replication_slot('regress_storage');

-- registrations that can't be read are not taken for none, in a new session either
ALTER TABLE outbox.relay RENAME COLUMN wal_messages TO messages;
\c -
SET pg_outbox.storage = 'wal';
SELECT outbox.emit('order', '1', 'created', '{}');
SELECT outbox.emit('order', '1', 'created', '{}');
ALTER TABLE outbox.relay RENAME COLUMN messages TO wal_messages;
SELECT outbox.emit('order', '1', 'created', '{}');
