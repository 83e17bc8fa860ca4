-- Who may do what: PUBLIC nothing, and each of the roles of docs/sql.md what its GRANT block gives and no more.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
BEGIN;
SET search_path = public;
SELECT no_plan();

CREATE ROLE tap_nobody;
SELECT schema_privs_are('outbox', 'tap_nobody', '{}');
SELECT function_privs_are('outbox', proname, ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) AS t)::name[], 'tap_nobody', '{}',
						  'nobody may call ' || p.oid::regprocedure)
  FROM pg_proc AS p WHERE pronamespace = 'outbox'::regnamespace ORDER BY p.oid::regprocedure::text;
SELECT table_privs_are('outbox', relname, 'tap_nobody', '{}', 'nobody has a right on ' || c.oid::regclass)
  FROM pg_class AS c WHERE relnamespace = 'outbox'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') ORDER BY relname;
SELECT sequence_privs_are('outbox', relname, 'tap_nobody', '{}', 'nobody has a right on ' || c.oid::regclass)
  FROM pg_class AS c WHERE relnamespace = 'outbox'::regnamespace AND relkind = 'S' ORDER BY relname;
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
				   WHERE relnamespace = 'outbox'::regnamespace AND attacl IS NOT NULL$$, 'no right on a single column');
-- nor may they be handed out by default
SELECT is_empty($$SELECT * FROM pg_default_acl WHERE defaclnamespace = 'outbox'::regnamespace$$, 'no default privileges');

-- the owner is who created the extension
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_extension AS e ON extname = 'pg_outbox'
				   WHERE pronamespace = 'outbox'::regnamespace AND proowner <> extowner$$, 'functions belong to the extension''s owner');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c JOIN pg_extension AS e ON extname = 'pg_outbox'
				   WHERE relnamespace = 'outbox'::regnamespace AND relowner <> extowner$$, 'relations belong to the extension''s owner');

-- a writer: emit() and nothing else
CREATE ROLE tap_writer;
GRANT USAGE ON SCHEMA outbox TO tap_writer;
GRANT EXECUTE ON FUNCTION
	outbox.emit(text, text, text, json, jsonb, uuid),
	outbox.emit(text, text, text, jsonb, jsonb, uuid),
	outbox.emit(text, text, text, text, jsonb, uuid),
	outbox.emit(text, text, text, bytea, jsonb, uuid) TO tap_writer;
SET ROLE tap_writer;
PREPARE writer_emits AS SELECT outbox.emit('order', '1', 'created', '{}'::json);
PREPARE writer_inserts AS INSERT INTO outbox.event (aggregatetype) VALUES ('order');
PREPARE writer_reads AS SELECT FROM outbox.event;
PREPARE writer_deletes AS DELETE FROM outbox.event;
PREPARE writer_maintains AS SELECT outbox.maintain();
PREPARE writer_redrives AS SELECT outbox.redrive(slot => 's');
PREPARE writer_sees AS SELECT FROM outbox.status;
PREPARE writer_beats AS SELECT outbox.heartbeat('s');
RESET ROLE;
SELECT schema_privs_are('outbox', 'tap_writer', '{USAGE}');
SET ROLE tap_writer;
SELECT lives_ok('writer_emits', 'a writer emits');
SELECT throws_ok(statement, '42501', NULL, 'a writer can''t: ' || statement)
  FROM unnest('{writer_inserts,writer_reads,writer_deletes,writer_maintains,writer_beats,writer_redrives,writer_sees}'::text[]) AS statement;
SELECT throws_ok('SET pg_outbox.allowed_types = ''other''', '42501', NULL, 'a writer doesn''t set policy');
SELECT throws_ok('SET pg_outbox.max_event_bytes = 1', '42501', NULL, 'nor the size');
RESET ROLE;

-- a monitor reads what is not an event
CREATE ROLE tap_monitor;
GRANT USAGE ON SCHEMA outbox TO tap_monitor;
GRANT SELECT ON outbox.status, outbox.relay, outbox.topic, outbox.rotation, outbox.partition TO tap_monitor;
GRANT EXECUTE ON FUNCTION outbox.rotation_settings(), outbox.oldest_unpublished(pg_snapshot),
	outbox.failover_problem(jsonb, int4, bool, text, name[]) TO tap_monitor;
SET ROLE tap_monitor;
SELECT lives_ok('SELECT FROM ' || t, 'a monitor reads ' || t)
  FROM unnest('{outbox.status,outbox.relay,outbox.topic,outbox.rotation,outbox.partition}'::text[]) AS t;
SELECT throws_ok('SELECT FROM outbox.event', '42501', NULL, 'but no event');
SELECT throws_ok('UPDATE outbox.rotation SET current = 1', '42501', NULL, 'and changes nothing');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
