-- What applications, relays and administrators call by name: it may grow, and what is here stays as it is.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
BEGIN;
SET search_path = public;
SELECT no_plan();

SELECT has_schema('outbox');
SELECT has_extension('pg_outbox');
SELECT is(extnamespace::regnamespace::text, 'pg_catalog', 'no schema is asked for') FROM pg_extension WHERE extname = 'pg_outbox';
SELECT is(e.extrelocatable, false, 'not relocatable') FROM pg_extension AS e WHERE extname = 'pg_outbox';
SELECT is((SELECT bool_or(superuser AND NOT trusted) FROM pg_available_extension_versions
			WHERE name = 'pg_outbox' AND version = (SELECT extversion FROM pg_extension WHERE extname = 'pg_outbox')),
		  true, 'a superuser''s extension');

-- functions: (name, arguments, result, volatility, definer)
CREATE TEMPORARY TABLE offered (name name, args name[], result text, volatility text, definer bool);
INSERT INTO offered VALUES
	('emit', '{text,text,text,json,jsonb,uuid}', 'uuid', 'volatile', false),
	('emit', '{text,text,text,jsonb,jsonb,uuid}', 'uuid', 'volatile', false),
	('emit', '{text,text,text,text,jsonb,uuid}', 'uuid', 'volatile', false),
	('emit', '{text,text,text,bytea,jsonb,uuid}', 'uuid', 'volatile', false),
	('maintain', '{}', 'text', 'volatile', true),
	('heartbeat', '{name}', 'pg_lsn', 'volatile', false),
	('uuid7', '{}', 'uuid', 'volatile', false),
	('current_partition', '{}', 'smallint', 'stable', false),
	('event_is_valid', '{uuid,text,text,text,json,bytea,jsonb,timestamp with time zone,xid8}', 'boolean', 'stable', false),
	('redrive', '{uuid[],name,timestamp with time zone,timestamp with time zone}', 'bigint', 'volatile', true),
	('refuse_update', '{}', 'trigger', 'volatile', false),
	('partition_changed', '{}', 'trigger', 'volatile', false),
	('capture', '{}', 'trigger', 'volatile', false),
	('attach', '{regclass,text,text[],text[],text,text,text[],text,text,text,text,text,text,text,text,text}', 'void', 'volatile', false),
	('detach', '{regclass}', 'void', 'volatile', false);
SELECT has_function('outbox', name, args) FROM offered;
SELECT function_returns('outbox', name, args, result) FROM offered;
SELECT volatility_is('outbox', name, args, volatility) FROM offered;
SELECT is_definer('outbox', name, args) FROM offered WHERE definer;
SELECT isnt_definer('outbox', name, args) FROM offered WHERE NOT definer;

-- a call by position and one by name
SELECT is(pg_get_function_arguments(oid),
		  'aggregatetype text, aggregateid text, type text, payload ' || (proargtypes[3])::regtype
		  || ', headers jsonb DEFAULT NULL::jsonb, id uuid DEFAULT NULL::uuid', 'arguments of ' || oid::regprocedure)
  FROM pg_proc WHERE pronamespace = 'outbox'::regnamespace AND proname = 'emit' ORDER BY oid;
SELECT isnt(outbox.emit('order', '1', 'created', '{}', headers => '{"a": "b"}'), NULL, 'emit() with named headers');
SELECT is(outbox.emit(aggregatetype => 'order', aggregateid => NULL, type => NULL, payload => NULL,
					  id => '018f2b1e-0000-7000-8000-000000000001'), '018f2b1e-0000-7000-8000-000000000001'::uuid, 'emit() with an own id');
-- and the types that a caller has
PREPARE untyped AS SELECT outbox.emit('order', $1, 'created', $2);
SELECT lives_ok('EXECUTE untyped (''1'', ''{}'')', 'parameters without a type');
SELECT lives_ok($$SELECT outbox.emit('order', '1', 'created', to_jsonb(o)) FROM (SELECT 1 AS a) AS o$$, 'a row as jsonb');
SELECT lives_ok($$SELECT outbox.emit('order', '1', 'created', row_to_json(o)) FROM (SELECT 1 AS a) AS o$$, 'a row as json');
SELECT lives_ok($$INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload) SELECT 'order', '1', 'created', '{}'::jsonb$$,
				'the columns of Debezium''s router, with jsonb');

-- tables: what the relay reads and writes, and Debezium's names
SELECT columns_are('outbox', 'event', '{id,aggregatetype,aggregateid,type,payload,payload_bytes,headers,created_at,xid,rot}'::name[]);
SELECT is_partitioned('outbox', 'event', 'outbox.event is partitioned');
SELECT partitions_are('outbox', 'event', '{outbox.event_0,outbox.event_1,outbox.event_2}'::name[]);
SELECT is_empty($$SELECT indexrelid::regclass FROM pg_index WHERE indrelid::regclass::text LIKE 'outbox.event%'$$, 'no index at all');
SELECT col_type_is('outbox', 'event', c, t, c || ' is ' || t)
  FROM (VALUES ('id', 'uuid'), ('aggregatetype', 'text'), ('aggregateid', 'text'), ('type', 'text'), ('payload', 'json'),
			   ('payload_bytes', 'bytea'), ('headers', 'jsonb'), ('created_at', 'timestamp with time zone'), ('xid', 'xid8'),
			   ('rot', 'smallint')) AS v (c, t);
SELECT col_has_check('outbox', 'event', '{id,aggregatetype,aggregateid,type,payload,payload_bytes,headers,created_at,xid}'::name[],
					 'one check over all columns');
SELECT has_pk('outbox', 'relay', 'outbox.relay has a key');
SELECT col_is_pk('outbox', 'relay', 'slot_name', 'a registration a slot');
SELECT col_is_unique('outbox', 'relay', 'source_id', 'source ids are unique');
SELECT col_is_pk('outbox', 'topic', '{slot_name,topic}'::name[], 'a count a topic');
SELECT hasnt_fk('outbox', 'topic', 'pg_restore -j may load it first');
SELECT has_trigger('outbox', 'relay', 'relay_gone', 'the routing map goes with its registration');
SELECT has_column('outbox', 'relay', c, 'outbox.relay.' || c)
  FROM unnest('{slot_name,publication,source_id,generation,state,system_identifier,timeline,start_lsn,start_snapshot,mark_lsn,mark_at,
				last_position,heartbeat_snapshot,heartbeat_at,wal_messages,created_at,gap_snapshot,exactly_once_generation}'::name[]) AS c;

SELECT has_view('outbox', 'status', 'outbox.status');
SELECT has_column('outbox', 'status', c, 'outbox.status.' || c)
  FROM unnest('{slot_name,source_id,generation,state,slot_state,retained_bytes,safe_wal_size,confirmed_flush_lsn,mark_lsn,lag_bytes,lag_seconds,
				last_position,failover_ready,failover_problem,standby_relays,dead_letters,kept_because,routing,gap_open}'::name[]) AS c;
SELECT col_is_pk('outbox', 'dead_letter', '{slot_name,position}'::name[], 'a dead letter is written once');
SELECT has_column('outbox', 'dead_letter', c, 'outbox.dead_letter.' || c)
  FROM unnest('{topic,reason,errcode,at,id,aggregatetype,aggregateid,type,payload,payload_bytes,headers,created_at,redriven_at}'::name[]) AS c;

-- triggers that session_replication_role does not switch off
SELECT has_trigger('outbox', t, 'refuse_update', t || ' refuses updates') FROM unnest('{event,event_0,event_1,event_2}'::name[]) AS t;
SELECT is(tgenabled::text, 'A', 'always: ' || tgname || ' on ' || tgrelid::regclass)
  FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid
 WHERE relnamespace = 'outbox'::regnamespace AND NOT tgisinternal ORDER BY tgrelid::regclass::text, tgname;

-- everything runs with a search_path of its own, or in C
SELECT ok(prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
		  OR EXISTS (SELECT FROM unnest(proconfig) AS s WHERE s LIKE 'search\_path=pg_catalog, %'),
		  p.oid::regprocedure || ' depends on nobody''s search_path')
  FROM pg_proc AS p WHERE pronamespace = 'outbox'::regnamespace ORDER BY p.oid::regprocedure::text;

SELECT * FROM finish();
ROLLBACK;
