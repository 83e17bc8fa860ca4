-- Names that hide the server's own, in the search path and among temporary objects: nothing of the extension
-- looks at them, neither its scripts nor its functions.
\pset null '~'
DROP EXTENSION pg_outbox;
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.trap() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
DO $$
DECLARE
	signature text;
	number int := 0;
BEGIN
	-- functions that fit better than the server's: the same arguments, found first
	FOREACH signature IN ARRAY ARRAY['clock_timestamp()', 'now()', 'current_database()', 'pg_current_xact_id()', 'pg_current_wal_insert_lsn()',
			'pg_is_in_recovery()', 'format(text, text)', 'format(text, int2)', 'pg_relation_size(regclass)', 'current_setting(text)',
			'current_setting(text, bool)', 'to_jsonb(anyelement)', 'array_to_string(anyarray, text)', 'string_to_array(text, text)',
			'jsonb_build_object(text, text)', 'pg_visible_in_snapshot(xid8, pg_snapshot)', 'cardinality(anyarray)', 'left(text, int)', 'count(text)',
			'pg_current_snapshot()', 'uuid_send(uuid)', 'btrim(text, text)', 'btrim(text)'] LOOP
		EXECUTE format('CREATE FUNCTION hostile.%s RETURNS text LANGUAGE sql AS ''SELECT hostile.trap()::text''', signature);
	END LOOP;
	-- operators
	FOREACH signature IN ARRAY ARRAY['= text text', '= name name', '= name text', '= int2 int2', '<> text text', '= oid oid', '|| text text',
			'|| text name', '>= pg_lsn pg_lsn', '< pg_lsn pg_lsn', '> pg_lsn pg_lsn', '- pg_lsn pg_lsn', '<= timestamptz timestamptz',
			'- timestamptz timestamptz', '- timestamptz interval', '+ timestamptz interval', '>= tid tid', '< tid tid', '->> jsonb text', '= uuid uuid',
			'+ int2 int4', '% int4 int4'] LOOP
		number := number + 1;
		EXECUTE format('CREATE FUNCTION hostile.op_%s(%s, %s) RETURNS bool LANGUAGE sql AS ''SELECT hostile.trap()''',
			number, split_part(signature, ' ', 2), split_part(signature, ' ', 3));
		EXECUTE format('CREATE OPERATOR hostile.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = hostile.op_%s)',
			split_part(signature, ' ', 1), split_part(signature, ' ', 2), split_part(signature, ' ', 3), number);
	END LOOP;
END $$;
CREATE VIEW hostile.pg_locks AS SELECT hostile.trap();
CREATE VIEW hostile.pg_replication_slots AS SELECT hostile.trap();
CREATE VIEW hostile.pg_stat_activity AS SELECT hostile.trap();
CREATE VIEW hostile.pg_database AS SELECT hostile.trap();
CREATE VIEW hostile.pg_attribute AS SELECT hostile.trap();
CREATE DOMAIN hostile.int4 AS pg_catalog.int4 CHECK (hostile.trap());
CREATE DOMAIN hostile.int8 AS pg_catalog.int8 CHECK (hostile.trap());
CREATE DOMAIN hostile.int2 AS pg_catalog.int2 CHECK (hostile.trap());
CREATE DOMAIN hostile.text AS pg_catalog.text CHECK (hostile.trap());
CREATE DOMAIN hostile.timestamptz AS pg_catalog.timestamptz CHECK (hostile.trap());
CREATE TEMPORARY VIEW pg_locks AS SELECT hostile.trap();
CREATE TEMPORARY VIEW pg_replication_slots AS SELECT hostile.trap();
CREATE DOMAIN pg_temp.regclass AS pg_catalog.regclass CHECK (hostile.trap());

SET search_path = hostile, pg_catalog, public;
-- the traps are there
\set VERBOSITY terse
SELECT now();
SELECT 'a'::pg_catalog.text OPERATOR(hostile.=) 'b'::pg_catalog.text;
SELECT 1::int4;
TABLE pg_locks;
\set VERBOSITY default

CREATE EXTENSION pg_outbox VERSION '0.1.0';
ALTER EXTENSION pg_outbox UPDATE;
DROP EXTENSION pg_outbox;
CREATE EXTENSION pg_outbox;
SELECT outbox.emit('order', '1', 'x', '{}', '{"a": "b"}') OPERATOR(pg_catalog.<>) outbox.uuid7() AS emitted;
INSERT INTO outbox.event (aggregatetype, payload) VALUES ('order', '{}');
INSERT INTO outbox.relay (slot_name, publication, source_id, state, mark_lsn) VALUES ('s', 'p', 'i', 'ready', 'FFFFFFFF/FFFFFFFF');
INSERT INTO outbox.topic (slot_name, topic, partitions) VALUES ('s', 't', 3);
SET pg_outbox.rotation_interval = 0;
SET pg_outbox.retention = 0;
SELECT outbox.maintain();
SELECT outbox.maintain();
INSERT INTO outbox.event (aggregatetype, payload) VALUES ('order', '{}');
INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype) VALUES ('s', '1', 'x', '00000000-0000-7000-8000-000000000001', 'order');
SELECT outbox.redrive(ARRAY['00000000-0000-7000-8000-000000000001']::uuid[], 's', '2000-01-01', '2100-01-01');
SELECT slot_state, lag_seconds OPERATOR(pg_catalog.>) 0 AS lags, failover_ready, dead_letters, oldest_partition FROM outbox.status;
SELECT outbox.failover_problem('{"failover": true}', 170000, false, 'a,b', '{a,b}');
SELECT outbox.oldest_unpublished(NULL) IS NOT NULL AS found;
SELECT outbox.heartbeat('s') IS NOT NULL AS sent;
RESET search_path;
\set VERBOSITY terse
DROP SCHEMA hostile CASCADE;
