-- Who may do what in a target database: PUBLIC nothing, and a consumer's role what the GRANT block of consumer/README.md gives,
-- written down here object by object.  An object or a right without a line here is a failure.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
-- each is a transaction of its own
\ir ../../sql/outbox_inbox.sql
\ir ../../sql/outbox_inbox--1--2.sql
BEGIN;
SET search_path = public;
SELECT no_plan();

CREATE ROLE tap_nobody;
CREATE ROLE tap_consumer;
\i target_roles.sql
\set schema outbox_inbox
\ir matrix.psql

-- matrix: what a consumer's role may do with each object
INSERT INTO listed
SELECT object, role, CASE role WHEN 'nobody' THEN '' ELSE letters END
  FROM unnest('{nobody,consumer}'::text[]) AS role,
	   (VALUES
			('schema outbox_inbox', 'U'),
			('outbox_inbox.version()', 'X'),
			('outbox_inbox.advance(integer,text,text,integer,bigint,bigint,bigint,timestamp with time zone,text)', 'X'),
			('outbox_inbox.redrive(text,text,integer,bigint)', 'X'),
			-- these write ids with their owner's rights: nobody forges or forgets one
			('outbox_inbox.claim(text,interval,text[],text[],uuid[],boolean[],text[],boolean[],text[])', 'X'),
			('outbox_inbox.record(text,text,interval,uuid,uuid,uuid[])', 'X'),
			('outbox_inbox.forget(text,text[])', 'X'),
			('outbox_inbox.rotate()', 'X'),
			-- parts of these, of no use to who has no right on the tables
			('outbox_inbox.open_scope(text,text,interval)', 'X'),
			('outbox_inbox.time_of(uuid,text)', 'X'),
			('outbox_inbox.progress', 'raw'),
			('outbox_inbox."position"', 'raw'),
			('outbox_inbox.dead_letter', 'raw'),
			('outbox_inbox.dead_letter_number_seq', ''),
			('outbox_inbox.scope', ''),
			('outbox_inbox.scope_id_seq', ''),
			('outbox_inbox.rotation', ''),
			('outbox_inbox.applied_id', ''),
			('outbox_inbox.applied_id_0', ''),
			('outbox_inbox.applied_id_1', ''),
			('outbox_inbox.applied_id_2', ''),
			('outbox_inbox.applied_id_3', ''),
			('outbox_inbox.applied_batch', ''),
			('outbox_inbox.applied_batch_0', ''),
			('outbox_inbox.applied_batch_1', ''),
			('outbox_inbox.applied_batch_2', ''),
			('outbox_inbox.applied_batch_3', '')) AS v (object, letters);
SELECT is(f.letters, l.letters, format('rights of %s on %s', role, object))
  FROM found AS f FULL JOIN listed AS l USING (object, role) ORDER BY object, role;
SELECT is_empty('SELECT * FROM found_columns', 'no right on a single column');

-- public: nothing, neither now nor by default
SELECT is_empty('SELECT * FROM for_public', 'nothing is granted to PUBLIC');
SELECT is_empty($$SELECT * FROM pg_default_acl WHERE defaclnamespace = 'outbox_inbox'::regnamespace$$, 'no default privileges');

-- definers: what runs with the owner's rights, and what it looks up by
SELECT bag_eq($$SELECT proname::text, s FROM pg_proc
					  LEFT JOIN unnest(proconfig) AS s ON s LIKE 'search\_path=%'
					 WHERE pronamespace = 'outbox_inbox'::regnamespace AND prosecdef$$,
				  $$SELECT name, 'search_path=pg_catalog, pg_temp' FROM (VALUES ('claim'), ('forget'), ('record'), ('rotate')) AS v (name)$$,
				  'functions with the rights of their owner');
SELECT ok(EXISTS (SELECT FROM unnest(proconfig) AS s WHERE s = 'search_path=pg_catalog, pg_temp'),
		  p.oid::regprocedure || ' depends on nobody''s search_path')
  FROM pg_proc AS p WHERE pronamespace = 'outbox_inbox'::regnamespace AND proname <> 'version' ORDER BY p.oid::regprocedure::text;

SELECT * FROM finish();
ROLLBACK;
