-- What a relay sees: only committed rows, under the root's name, as they were written.
SELECT 'init' FROM pg_create_logical_replication_slot('regress_outbox', 'pgoutput');
CREATE PUBLICATION outbox_regress FOR TABLE outbox.event (id, aggregatetype, aggregateid, type, payload, payload_bytes, headers, created_at)
	WITH (publish = 'insert', publish_via_partition_root = true);
CREATE FUNCTION changes() RETURNS TABLE (kind text, len int) LANGUAGE sql AS $$
	SELECT chr(get_byte(data, 0)), CASE chr(get_byte(data, 0)) WHEN 'I' THEN length(data) WHEN 'M' THEN length(data) END
	  FROM pg_logical_slot_get_binary_changes('regress_outbox', NULL, NULL, 'proto_version', '1', 'publication_names', 'outbox_regress', 'messages', 'true', 'binary', 'true') $$;

BEGIN;
SELECT outbox.emit('d', '1', 'x', '{"a": 1}') IS NOT NULL AS emitted;
SAVEPOINT s;
SELECT outbox.emit('d', '2', 'gone', '{}') IS NOT NULL AS emitted;
ROLLBACK TO s;
INSERT INTO outbox.event (aggregatetype, payload) VALUES ('d', '{}');
COMMIT;
BEGIN;
SELECT outbox.emit('d', '3', 'gone', '{}') IS NOT NULL AS emitted;
ROLLBACK;
SELECT * FROM changes();

-- byte for byte, also what is stored out of line or compressed, and under the root's name only
CREATE TABLE written AS
	SELECT 'json' AS kind, ('{"z": 1.50,  "a":2, "a":3, "pad": "' || repeat('x', n) || '"}')::json AS payload, NULL::bytea AS payload_bytes FROM unnest(ARRAY[0, 3000, 100000]) AS n
	UNION ALL SELECT 'random', NULL, string_agg(sha256(i::text::bytea), '') FROM generate_series(1, 3000) AS i;
SELECT count(outbox.emit('exact', NULL, kind, payload)) FROM written WHERE payload IS NOT NULL;
SELECT count(outbox.emit('exact', NULL, kind, payload_bytes)) FROM written WHERE payload IS NULL;
INSERT INTO outbox.event (aggregatetype, payload, payload_bytes) SELECT 'exact', payload, payload_bytes FROM written;
CREATE TABLE seen AS
	SELECT data FROM pg_logical_slot_peek_binary_changes('regress_outbox', NULL, NULL, 'proto_version', '1', 'publication_names', 'outbox_regress', 'messages', 'true', 'binary', 'true')
	 WHERE get_byte(data, 0) = ascii('I');
SELECT kind, octet_length(coalesce(convert_to(payload::text, 'UTF8'), payload_bytes)) AS len,
	   (SELECT count(*) FROM seen WHERE position(coalesce(convert_to(payload::text, 'UTF8'), payload_bytes) IN data) > 0) AS times
  FROM written ORDER BY 1, 2;
SELECT count(*), count(DISTINCT substr(data, 2, 4)) AS relations, bool_and(substr(data, 2, 4) = int4send('outbox.event'::regclass::oid::int4)) AS root FROM seen;
SELECT count(*) FROM changes() WHERE kind = 'I';

-- stored out of line, and truncated before it is decoded: the WAL has it
SELECT outbox.emit('d', 'large', 'x', string_agg(md5(i::text), '')::bytea) IS NOT NULL AS emitted FROM generate_series(1, 20000) AS i;
SET pg_outbox.rotation_interval = 0;
SET pg_outbox.retention = 0;
INSERT INTO outbox.relay (slot_name, publication, source_id, state, mark_lsn) VALUES ('s', 'p', 'regress', 'ready', 'FFFFFFFF/FFFFFFFF');
SELECT outbox.maintain();
SELECT outbox.maintain();
SELECT count(*) FROM outbox.event;
SELECT kind, len > 640000 AS whole FROM changes() WHERE kind = 'I';

-- the heartbeat is transactional and carries a snapshot
BEGIN;
SELECT outbox.heartbeat('regress_outbox') IS NOT NULL AS sent;
ROLLBACK;
SELECT outbox.heartbeat('regress_outbox') IS NOT NULL AS sent;
SELECT convert_from(substr(data, position('regress_outbox'::bytea IN data)), 'UTF8') ~ '^regress_outbox \d+:\d+:[\d,]*$' AS content, length(data) > 40 AS whole
  FROM pg_logical_slot_get_binary_changes('regress_outbox', NULL, NULL, 'proto_version', '1', 'publication_names', 'outbox_regress', 'messages', 'true')
 WHERE get_byte(data, 0) = ascii('M');
SELECT 'drop' FROM pg_drop_replication_slot('regress_outbox');
