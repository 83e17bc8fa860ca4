-- Who may capture a table, who may write to one that is captured, and what neither may.
CREATE ROLE regress_dba;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE ROLE regress_thief;
CREATE SCHEMA shop AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA shop TO regress_app, regress_dba, regress_thief;
CREATE SCHEMA thief AUTHORIZATION regress_thief;
-- PUBLIC has nothing
SELECT p.proname, has_function_privilege('public', p.oid, 'EXECUTE') AS public
  FROM pg_proc AS p WHERE p.pronamespace = 'outbox'::regnamespace AND p.proname IN ('capture', 'attach', 'detach') ORDER BY 1;

SET ROLE regress_owner;
CREATE TABLE shop.orders (id int PRIMARY KEY, secret text) PARTITION BY LIST (id);
CREATE TABLE shop.orders_rest PARTITION OF shop.orders DEFAULT;
GRANT INSERT, SELECT (id), UPDATE, DELETE ON shop.orders TO regress_app;
-- the owner of a table may not capture it without the right to the extension
SELECT outbox.attach('shop.orders');
CREATE TRIGGER own AFTER INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION outbox.capture('order', 'id');
RESET ROLE;
GRANT USAGE ON SCHEMA outbox TO regress_owner, regress_dba, regress_app, regress_thief;
SET ROLE regress_owner;
SELECT outbox.attach('shop.orders');
SELECT outbox.detach('shop.orders');
CREATE TRIGGER own AFTER INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION outbox.capture('order', 'id');
RESET ROLE;
-- attach() without the trigger function is not enough either
GRANT EXECUTE ON FUNCTION outbox.attach, outbox.detach TO regress_dba, regress_owner;
SET ROLE regress_owner;
SELECT outbox.attach('shop.orders');
RESET ROLE;
-- a role with all rights to the extension and none to the table
GRANT EXECUTE ON FUNCTION outbox.capture() TO regress_dba;
SET ROLE regress_dba;
SELECT outbox.attach('shop.orders');
RESET ROLE;
GRANT TRIGGER ON shop.orders, shop.orders_rest TO regress_dba;
SET ROLE regress_dba;
SELECT outbox.attach('shop.orders', 'order');
-- only the owner may drop triggers
SELECT outbox.detach('shop.orders');
RESET ROLE;

-- the writer has no right to the extension at all; nor to a column that is captured
REVOKE USAGE ON SCHEMA outbox FROM regress_app;
SET ROLE regress_app;
INSERT INTO shop.orders VALUES (1, 'a'), (2, 'b');
UPDATE shop.orders SET secret = 'c' WHERE id = 1;
DELETE FROM shop.orders WHERE id = 2;
SELECT secret FROM shop.orders;
SELECT * FROM outbox.event;
SELECT outbox.emit('order', '1', 'forged', '{}');
CREATE TEMP TABLE forged (id int);
CREATE TRIGGER forged AFTER INSERT ON forged FOR EACH ROW EXECUTE FUNCTION outbox.capture('order', 'id');
ALTER TABLE shop.orders DISABLE TRIGGER _outbox_capture_insert;
\set VERBOSITY sqlstate
DROP TRIGGER _outbox_capture_insert ON shop.orders;
\set VERBOSITY default
SET session_replication_role = replica;
RESET ROLE;
SELECT aggregatetype, aggregateid, type, payload FROM outbox.event ORDER BY id;
TRUNCATE outbox.event;

-- a role that can only see the schema can't make events of its own tables, by any way round
SET ROLE regress_thief;
CREATE TABLE thief.t (id int PRIMARY KEY);
SELECT outbox.attach('thief.t', 'order');
SELECT outbox.attach('shop.orders', 'order');
CREATE TRIGGER x AFTER INSERT ON thief.t FOR EACH ROW EXECUTE FUNCTION outbox.capture('order', 'id');
CREATE CONSTRAINT TRIGGER x AFTER INSERT ON thief.t FOR EACH ROW EXECUTE FUNCTION outbox.capture('order', 'id');
CREATE FUNCTION thief.capture() RETURNS trigger LANGUAGE c AS '$libdir/pg_outbox', 'outbox_capture';
CREATE FUNCTION thief.wrap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM outbox.capture(); RETURN NULL; END $$;
CREATE TRIGGER x AFTER INSERT ON thief.t FOR EACH ROW EXECUTE FUNCTION thief.wrap();
INSERT INTO thief.t VALUES (1);
-- nor by inheriting from a captured table, or by being a partition of it
CREATE TABLE thief.part PARTITION OF shop.orders FOR VALUES IN (7);
RESET ROLE;
-- nor can who is given such a table: its triggers are as they were made
ALTER TABLE shop.orders OWNER TO regress_thief;
SET ROLE regress_thief;
CREATE OR REPLACE TRIGGER _outbox_capture_insert AFTER INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION outbox.capture('invoice', 'id');
\set VERBOSITY sqlstate
CREATE TABLE thief.part PARTITION OF shop.orders FOR VALUES IN (7);
\set VERBOSITY default
RESET ROLE;
SELECT count(*) FROM outbox.event;
ALTER TABLE shop.orders OWNER TO regress_owner;
-- whoever makes a partition makes its triggers, and needs the right to
SET ROLE regress_owner;
\set VERBOSITY sqlstate
CREATE TABLE shop.orders_7 PARTITION OF shop.orders FOR VALUES IN (7);
\set VERBOSITY default
RESET ROLE;
GRANT EXECUTE ON FUNCTION outbox.capture() TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE shop.orders_7 PARTITION OF shop.orders FOR VALUES IN (7);
INSERT INTO shop.orders VALUES (7, 'x');
SELECT outbox.detach('shop.orders');
RESET ROLE;
SELECT aggregatetype, aggregateid FROM outbox.event;

-- what a condition calls runs as the writer, who needs the right to: as in any trigger
SET ROLE regress_owner;
CREATE FUNCTION shop.who() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'as %', current_user; RETURN true; END $$;
REVOKE EXECUTE ON FUNCTION shop.who() FROM PUBLIC;
SELECT outbox.attach('shop.orders', 'order', when_insert => 'shop.who()');
SET ROLE regress_app;
INSERT INTO shop.orders VALUES (8, 'y');
SET ROLE regress_owner;
GRANT EXECUTE ON FUNCTION shop.who() TO regress_app;
SET ROLE regress_app;
INSERT INTO shop.orders VALUES (8, 'y');
RESET ROLE;

-- when somebody gave outbox.event row security, events are written with the writer's rights, and it is said why that fails
ALTER TABLE outbox.event ENABLE ROW LEVEL SECURITY;
SET ROLE regress_app;
INSERT INTO shop.orders VALUES (9, 'z');
RESET ROLE;
ALTER TABLE outbox.event DISABLE ROW LEVEL SECURITY;

DROP OWNED BY regress_app, regress_thief, regress_dba, regress_owner;
DROP ROLE regress_app, regress_thief, regress_dba, regress_owner;
