/*
 * What a version has been used for before it is updated: events of every kind that 0.1.0 knows, in two
 * partitions, and a registered relay.  Later versions know all of this too.
 */
BEGIN;
SELECT outbox.emit('order', '1', 'created', '{"z": 1.50,  "a":2}');
SELECT outbox.emit('order', '1', 'changed', '{"a": 1}'::jsonb, '{"tenant": "north"}');
SELECT outbox.emit('order', '1', 'changed', '\x00ff'::bytea);
SELECT outbox.emit('order', '1', 'deleted', NULL);
INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload) VALUES ('order', '2', 'created', '{"b": 2}');
COMMIT;

SET pg_outbox.rotation_interval = 0;
SELECT outbox.maintain();
RESET pg_outbox.rotation_interval;
SELECT outbox.emit('order', '3', 'created', '{"c": 3}');

INSERT INTO outbox.relay (slot_name, publication, source_id, state, system_identifier, timeline, mark_lsn, mark_at)
VALUES ('used', 'used', 'used', 'ready', '1', 1, '0/1', '2026-01-01');
INSERT INTO outbox.topic (slot_name, topic, partitions) VALUES ('used', 'outbox.event.order', 3);
