-- outbox.emit(): overloads, nulls, transactions.
\pset null '~'
CREATE FUNCTION events() RETURNS TABLE (aggregatetype text, aggregateid text, type text, payload text, payload_bytes bytea, headers jsonb)
LANGUAGE sql AS $$ SELECT aggregatetype, aggregateid, type, payload::text, payload_bytes, headers FROM outbox.event ORDER BY created_at, id $$;

SELECT outbox.emit('order', '1', 'created', '{"z": 1.50,  "a":2, "a":3}') IS NOT NULL AS literal;
SELECT outbox.emit('order', '1', 'created', '{"z": 1.50,  "a":2, "a":3}'::json) IS NOT NULL AS json;
SELECT outbox.emit('order', '1', 'created', '{"z": 1.50,  "a":2, "a":3}'::jsonb) IS NOT NULL AS jsonb;
SELECT outbox.emit('order', '1', 'created', '\x00ff'::bytea) IS NOT NULL AS bytea;
SELECT outbox.emit('order', '1', 'deleted', NULL) IS NOT NULL AS tombstone;
SELECT outbox.emit('order', NULL, NULL, '1') IS NOT NULL AS no_key_no_type;
SELECT outbox.emit('order', '2', 'created', '{}', '{"traceparent": "00-1-2-01", "n": 1, "t": true, "x": null}') IS NOT NULL AS headers;
SELECT outbox.emit('order', '3', 'created', '{}', id => '01890a5d-ac96-774b-bcce-b302099a8057');
SELECT * FROM events();

-- an own id is the event's; a row's xid is its transaction's; created_at is now
SELECT id FROM outbox.event WHERE aggregateid = '3';
BEGIN;
SELECT outbox.emit('own', '4', 'x', '{}') IS NOT NULL AS emitted;
SAVEPOINT s;
SELECT outbox.emit('own', '4', 'y', '{}') IS NOT NULL AS emitted;
SELECT count(*), bool_and(xid = pg_current_xact_id()) AS top_level, bool_and(created_at BETWEEN now() AND clock_timestamp()) AS timed
  FROM outbox.event WHERE aggregatetype = 'own';
ROLLBACK TO s;
COMMIT;
SELECT type FROM outbox.event WHERE aggregatetype = 'own';
BEGIN;
SELECT outbox.emit('gone', '4', 'x', '{}') IS NOT NULL AS emitted;
ROLLBACK;
SELECT count(*) FROM outbox.event WHERE aggregatetype = 'gone';

-- many in one statement: each has its id, and they rise
SELECT count(DISTINCT id), count(*) FROM (SELECT outbox.emit('many', i::text, 'x', '{}'::json) AS id FROM generate_series(1, 10000) AS i) AS e;
SELECT bool_and(id > before) AS rising
  FROM (SELECT id, lag(id) OVER (ORDER BY aggregateid::int) AS before FROM outbox.event WHERE aggregatetype = 'many') AS e;

-- a payload large enough to be stored out of line
SELECT outbox.emit('large', '1', 'x', to_json(string_agg(md5(i::text), ''))) IS NOT NULL AS emitted FROM generate_series(1, 20000) AS i;
SELECT length(payload::text) FROM outbox.event WHERE aggregatetype = 'large';

-- plpgsql, and a function that is called again after an error
DO $$
BEGIN
	FOR i IN 1..3 LOOP
		BEGIN
			PERFORM outbox.emit(CASE i WHEN 2 THEN 'bad type' ELSE 'loop' END, i::text, 'x', '{}'::jsonb);
		EXCEPTION WHEN invalid_parameter_value THEN
			RAISE NOTICE 'rejected: %', SQLERRM;
		END;
	END LOOP;
END $$;
SELECT aggregateid FROM outbox.event WHERE aggregatetype = 'loop' ORDER BY 1;

-- read-only transactions write nothing
BEGIN READ ONLY;
SELECT outbox.emit('order', '1', 'created', '{}');
ROLLBACK;

-- nor do parallel workers, whatever a function around it claims
CREATE FUNCTION sneak() RETURNS uuid LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN RETURN outbox.emit('order', '1', 'created', '{}'); END $$;
SELECT set_config(CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'force_parallel_mode' ELSE 'debug_parallel_query' END, 'on', false) <> '' AS set;
\set SHOW_CONTEXT never
SELECT sneak();
SELECT set_config(CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'force_parallel_mode' ELSE 'debug_parallel_query' END, 'off', false) <> '' AS set;
SELECT sneak() IS NOT NULL AS emitted;
