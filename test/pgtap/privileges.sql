-- Who may do what in the source database: PUBLIC nothing, and each of the roles of docs/sql.md what its GRANT block gives,
-- written down here object by object.  An object, a role or a right without a line here is a failure.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
BEGIN;
SET search_path = public;
SELECT no_plan();

CREATE ROLE tap_nobody;
CREATE ROLE tap_writer;
CREATE ROLE tap_inserter;
CREATE ROLE tap_relay;
CREATE ROLE tap_monitor;
CREATE ROLE tap_operator;
\i source_roles.sql
\set schema outbox
\ir matrix.psql

-- matrix: what each role may do with each object; what isn't in the list is nothing
CREATE TEMPORARY TABLE line (object text PRIMARY KEY, writer text, inserter text, relay text, monitor text, operator text);
INSERT INTO line VALUES
	('schema outbox', 'U', 'U', 'U', 'U', 'U'),
	-- writing events
	('outbox.emit(text,text,text,json,jsonb,uuid)', 'X', '', '', '', ''),
	('outbox.emit(text,text,text,jsonb,jsonb,uuid)', 'X', '', '', '', ''),
	('outbox.emit(text,text,text,text,jsonb,uuid)', 'X', '', '', '', ''),
	('outbox.emit(text,text,text,bytea,jsonb,uuid)', 'X', '', '', '', ''),
	-- of the defaults and the check of outbox.event, which run with the rights of who inserts
	('outbox.uuid7()', '', 'X', '', '', ''),
	('outbox.current_partition()', '', 'X', '', '', ''),
	('outbox.event_is_valid(uuid,text,text,text,json,bytea,jsonb,timestamp with time zone,xid8)', '', 'X', '', '', ''),
	-- the relay's, and what outbox.status calls with the rights of who reads it
	('outbox.heartbeat(name)', '', '', 'X', '', ''),
	('outbox.maintain()', '', '', 'X', '', ''),
	('outbox.rotation_settings()', '', '', 'X', 'X', 'X'),
	('outbox.oldest_unpublished(pg_snapshot)', '', '', 'X', 'X', 'X'),
	('outbox.failover_problem(jsonb,integer,boolean,text,name[])', '', '', 'X', 'X', 'X'),
	('outbox.redrive(uuid[],name,timestamp with time zone,timestamp with time zone)', '', '', '', '', 'X'),
	-- the owner's, or of triggers, which ask for no right when they run
	('outbox.attach(regclass,text,text[],text[],text,text,text[],text,text,text,text,text,text,text,text,text)', '', '', '', '', ''),
	('outbox.detach(regclass)', '', '', '', '', ''),
	('outbox.capture()', '', '', '', '', ''),
	('outbox.refuse_update()', '', '', '', '', ''),
	('outbox.partition_changed()', '', '', '', '', ''),
	('outbox.relay_changed()', '', '', '', '', ''),
	('outbox.relay_gone()', '', '', '', '', ''),
	('outbox.warn_before_drop()', '', '', '', '', ''),
	-- events: payloads are for the relay alone, and for those of dead letters the operator
	('outbox.event', '', '', 'r', '', ''),
	('outbox.event_0', '', '', 'r', '', ''),
	('outbox.event_1', '', '', 'r', '', ''),
	('outbox.event_2', '', '', 'r', '', ''),
	('outbox.dead_letter', '', '', 'ra', '', 'r'),
	('outbox.dead_letter_number_seq', '', '', '', '', ''),
	-- positions, marks and the routing map: only the relay writes them
	('outbox.relay', '', '', 'raw', 'r', ''),
	('outbox.topic', '', '', 'raw', 'r', ''),
	('outbox.rotation', '', '', 'r', 'r', ''),
	('outbox.partition', '', '', '', 'r', ''),
	('outbox.status', '', '', 'r', 'r', 'r');
INSERT INTO listed
SELECT object, role, letters
  FROM line, LATERAL (VALUES ('nobody', ''), ('writer', writer), ('inserter', inserter), ('relay', relay), ('monitor', monitor),
							 ('operator', operator)) AS v (role, letters);
INSERT INTO listed_columns VALUES
	('outbox.event', 'inserter', 'INSERT', 'id aggregatetype aggregateid type payload payload_bytes headers');
SELECT is(f.letters, l.letters, format('rights of %s on %s', role, object))
  FROM found AS f FULL JOIN listed AS l USING (object, role) ORDER BY object, role;
SELECT is(f.columns, l.columns, format('columns of %s that %s may %s', object, role, privilege))
  FROM found_columns AS f FULL JOIN listed_columns AS l USING (object, role, privilege) ORDER BY object, role;

-- public: nothing, neither now nor by default
SELECT is_empty('SELECT * FROM for_public', 'nothing is granted to PUBLIC');
SELECT is_empty($$SELECT * FROM pg_default_acl WHERE defaclnamespace = 'outbox'::regnamespace$$, 'no default privileges');

-- owner: who created the extension
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_extension AS e ON extname = 'pg_outbox'
				   WHERE pronamespace = 'outbox'::regnamespace AND proowner <> extowner$$, 'functions belong to the extension''s owner');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c JOIN pg_extension AS e ON extname = 'pg_outbox'
				   WHERE relnamespace = 'outbox'::regnamespace AND relowner <> extowner$$, 'relations belong to the extension''s owner');

-- definers: what runs with the owner's rights, each with a search_path of the server's own schema
SELECT bag_eq($$SELECT p.oid::regprocedure::text, s FROM pg_proc AS p
					  LEFT JOIN unnest(p.proconfig) AS s ON s LIKE 'search\_path=%'
					 WHERE pronamespace = 'outbox'::regnamespace AND prosecdef$$,
				  $$SELECT name, 'search_path=pg_catalog, pg_temp' FROM (VALUES
						('outbox.maintain()'), ('outbox.oldest_unpublished(pg_snapshot)'),
						('outbox.redrive(uuid[],name,timestamp with time zone,timestamp with time zone)'), ('outbox.relay_gone()'),
						('outbox.warn_before_drop()')) AS v (name)$$,
				  'functions with the rights of their owner');

-- settings: what is policy is nobody's
SET ROLE tap_writer;
SELECT isnt(outbox.emit('order', '1', 'created', '{}'::json), NULL, 'a writer emits');
SELECT bag_eq($$SELECT name::text FROM pg_settings WHERE name LIKE 'pg\_outbox.%' AND context = 'user'$$,
				  $$VALUES ('pg_outbox.traceparent'), ('pg_outbox.tracestate')$$, 'the settings of everybody');
SELECT throws_ok(format('SET %s = %L', name, setting), '42501', NULL, 'a writer doesn''t set ' || name)
  FROM pg_settings WHERE name LIKE 'pg\_outbox.%' AND context <> 'user' ORDER BY name;
RESET ROLE;

-- refused: pg_temp.refused(role, statement) runs it as that role, who isn't allowed to
CREATE FUNCTION pg_temp.refused(role text, statement text, code text DEFAULT '42501') RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	got text := 'nothing';
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', 'tap_' || role);
	BEGIN
		EXECUTE statement;
	EXCEPTION WHEN OTHERS THEN
		got := sqlstate;
	END;
	RESET ROLE;
	RETURN public.is(got, code, role || ' can''t: ' || statement);
END $$;

-- others_events: a writer can't read, change or take away what others wrote, nor what became of it
SELECT pg_temp.refused(role, statement)
  FROM unnest('{writer,inserter}'::text[]) AS role,
	   unnest(ARRAY['SELECT FROM outbox.event', 'SELECT payload FROM outbox.event_0', 'TABLE outbox.dead_letter', 'TABLE outbox.status',
					'DELETE FROM outbox.event', 'DELETE FROM outbox.event_1', 'TRUNCATE outbox.event',
					'UPDATE outbox.event SET type = ''x''', 'INSERT INTO outbox.event (aggregatetype) VALUES (''order'') RETURNING payload',
					'INSERT INTO outbox.event_0 (aggregatetype, rot) VALUES (''order'', 0)',
					'INSERT INTO outbox.event (aggregatetype) SELECT aggregatetype FROM outbox.event',
					'CREATE TRIGGER mine AFTER INSERT ON outbox.event FOR EACH ROW EXECUTE FUNCTION outbox.capture()',
					'CREATE RULE mine AS ON INSERT TO outbox.event DO ALSO NOTHING', 'ALTER TABLE outbox.event ADD mine text',
					'CREATE TABLE outbox.mine (x int)',
					'LOCK TABLE outbox.event IN ACCESS EXCLUSIVE MODE', 'SELECT outbox.redrive(slot => ''s'')',
					'SELECT outbox.maintain()', 'SELECT outbox.attach(''outbox.event'')']) AS statement
 ORDER BY role, statement;

-- forged: nor say where an event stands, when it was written, by whom, that it is sent again, or how far a relay has come
SELECT pg_temp.refused('inserter', format('INSERT INTO outbox.event (aggregatetype, %I) VALUES (''order'', DEFAULT)', name))
  FROM unnest('{created_at,xid,rot}'::text[]) AS name;
SELECT pg_temp.refused(role, statement)
  FROM unnest('{writer,inserter,monitor,operator}'::text[]) AS role,
	   unnest(ARRAY['UPDATE outbox.relay SET mark_lsn = ''FFFFFFFF/0''', 'INSERT INTO outbox.relay (slot_name) VALUES (''s'')', 'DELETE FROM outbox.relay',
					'UPDATE outbox.topic SET partitions = 1', 'UPDATE outbox.rotation SET current = 1', 'DELETE FROM outbox.partition',
					'SELECT outbox.heartbeat(''s'')', 'INSERT INTO outbox.dead_letter (slot_name, position, reason) VALUES (''s'', ''p'', ''r'')',
					'UPDATE outbox.dead_letter SET redriven_at = now()', 'DELETE FROM outbox.dead_letter',
					'SELECT setval(''outbox.dead_letter_number_seq'', 1)', 'LOCK TABLE outbox.relay IN ACCESS EXCLUSIVE MODE']) AS statement
 ORDER BY role, statement;
SELECT pg_temp.refused('writer', format('SELECT outbox.emit(''order'', ''1'', ''T'', ''{}''::%s, %L)', type, header), '42939')
  FROM unnest('{json,jsonb,text,bytea}'::text[]) AS type,
	   unnest('{"{\"outbox-position\": \"s/1.1/0/10/0\"}","{\"outbox-replayed\": \"s/1.1/0/10/0\"}"}'::text[]) AS header
 ORDER BY type, header;
SELECT pg_temp.refused('inserter', format('INSERT INTO outbox.event (aggregatetype, headers) VALUES (''order'', %L)', header), '42939')
  FROM unnest('{"{\"outbox-position\": \"s/1.1/0/10/0\"}","{\"outbox-replayed\": \"s/1.1/0/10/0\"}"}'::text[]) AS header;

-- monitor: reads what is not an event
SET ROLE tap_monitor;
SELECT lives_ok('TABLE ' || t, 'a monitor reads ' || t)
  FROM unnest('{outbox.status,outbox.relay,outbox.topic,outbox.rotation,outbox.partition}'::text[]) AS t;
RESET ROLE;
SELECT pg_temp.refused('monitor', statement)
  FROM unnest('{TABLE outbox.event,SELECT payload FROM outbox.dead_letter,SELECT outbox.maintain(),SELECT outbox.redrive(slot => ''s'')}'::text[]) AS statement;

-- definers_beside: somebody's own functions and operators don't get into what runs with the owner's rights
CREATE SCHEMA tap_mine AUTHORIZATION tap_operator;
SET ROLE tap_operator;
CREATE FUNCTION tap_mine.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN RAISE 'mine'; END$$;
CREATE FUNCTION tap_mine.equal(name, name) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RAISE 'mine'; END$$;
CREATE OPERATOR tap_mine.= (LEFTARG = name, RIGHTARG = name, FUNCTION = tap_mine.equal);
RESET ROLE;
CREATE FUNCTION pg_temp.clock_of_mine() RETURNS timestamptz LANGUAGE sql SET search_path = tap_mine, pg_catalog
	AS 'SELECT clock_timestamp()';
CREATE FUNCTION pg_temp.redrive_beside_mine() RETURNS int8 LANGUAGE sql SET search_path = tap_mine, pg_catalog
	AS 'SELECT outbox.redrive(slot => ''s'')';
INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype) VALUES ('s', 'p', 'r', outbox.uuid7(), 'order');
SET ROLE tap_operator;
SELECT throws_ok('SELECT pg_temp.clock_of_mine()', 'P0001', 'mine', 'one''s own comes first');
SELECT is(pg_temp.redrive_beside_mine(), 1::int8, 'but not in redrive()');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
