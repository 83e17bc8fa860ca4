-- DROP EXTENSION leaves slots and publications, and says so.
\set slot regress_drop
CREATE ROLE regress_owner SUPERUSER;
CREATE ROLE regress_other;
CREATE TABLE other_extension (n int);
\set VERBOSITY default
-- nothing to say: no relay was registered
DROP EXTENSION pg_outbox;
SET ROLE regress_owner;
CREATE EXTENSION pg_outbox;
RESET ROLE;
INSERT INTO outbox.relay (slot_name, publication, source_id, state) VALUES (:'slot', 'Pub', 'src', 'creating');
BEGIN;
DROP EXTENSION pg_outbox;
ROLLBACK;

-- a slot and a publication; one of another table that belongs to nobody here
SELECT 'made' FROM pg_create_logical_replication_slot(:'slot', 'pgoutput');
CREATE PUBLICATION "Pub" FOR TABLE outbox.event;
CREATE PUBLICATION foreign_pub FOR TABLE other_extension;
BEGIN;
DROP EXTENSION pg_outbox;
SELECT count(*) FROM pg_event_trigger;
ROLLBACK;
BEGIN;
drop /* plain */ extension IF EXISTS "pg_outbox" CASCADE;
ROLLBACK;
-- others may drop theirs in peace, without any right on ours
CREATE EXTENSION hstore;
SET ROLE regress_owner;
DROP EXTENSION IF EXISTS hstore;
RESET ROLE;
DROP OWNED BY regress_other;
-- whoever hides what is dropped is told as well
BEGIN;
DO $$ BEGIN EXECUTE 'DROP EXTENSION ' || 'pg_' || 'outbox'; END $$;
ROLLBACK;
BEGIN;
DROP OWNED BY regress_owner CASCADE;
SELECT count(*) FROM pg_extension WHERE extname = 'pg_outbox';
ROLLBACK;
SET ROLE regress_owner;
BEGIN;
DROP OWNED BY CURRENT_USER CASCADE;
ROLLBACK;
RESET ROLE;

-- it stands in nobody's way, whatever somebody has done to the schema
BEGIN;
ALTER SCHEMA outbox RENAME TO elsewhere;
DROP EXTENSION pg_outbox;
ROLLBACK;

-- what the hint says removes them
SELECT 'dropped' FROM pg_drop_replication_slot(:'slot');
DROP PUBLICATION "Pub";
DROP EXTENSION pg_outbox;
SELECT pubname FROM pg_publication;
SELECT count(*) FROM pg_replication_slots WHERE database = current_database();
DROP OWNED BY regress_owner, regress_other;
DROP ROLE regress_owner, regress_other;
