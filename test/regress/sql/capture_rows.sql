-- outbox.capture() for each row: what is sent, and when.
\pset null '~'
CREATE FUNCTION events() RETURNS TABLE (aggregatetype text, aggregateid text, type text, payload text)
LANGUAGE sql AS $$ SELECT aggregatetype, aggregateid, type, payload::text FROM outbox.event ORDER BY id $$;
CREATE TABLE orders (id int PRIMARY KEY, customer text, total numeric(10, 2));
SELECT outbox.attach('orders', 'order');

INSERT INTO orders VALUES (1, 'ann', 9.50), (2, NULL, NULL);
UPDATE orders SET total = 10 WHERE id = 1;
UPDATE orders SET total = total WHERE id = 1;
DELETE FROM orders WHERE id = 2;
DELETE FROM orders WHERE id = 99;
SELECT * FROM events();
TRUNCATE outbox.event;

-- a change of the key: the old one gets a tombstone
UPDATE orders SET id = 3;
-- several in one statement, each with its own
INSERT INTO orders VALUES (5, 'bob', 1), (7, 'cid', 2);
UPDATE orders SET id = id + 1 WHERE id > 3;
SELECT * FROM events();
TRUNCATE outbox.event;

-- rows that hand on their keys within a statement: each row's two events come together, so a key's tombstone may come after its new row
CREATE TABLE place (rank int PRIMARY KEY DEFERRABLE, who text);
INSERT INTO place VALUES (1, 'a'), (2, 'b');
SELECT outbox.attach('place', payload => 'row');
UPDATE place SET rank = rank + 1;
SELECT * FROM events();
DROP TABLE place;
TRUNCATE outbox.event;

-- other ways to write
DELETE FROM orders;
INSERT INTO orders VALUES (1, 'ann', 1);
INSERT INTO orders VALUES (1, 'ann', 2), (2, 'bob', 2) ON CONFLICT (id) DO UPDATE SET total = EXCLUDED.total;
INSERT INTO orders VALUES (1, 'ann', 3) ON CONFLICT DO NOTHING;
MERGE INTO orders USING (VALUES (1, 5.0), (2, NULL), (3, 7.0)) AS v (id, total) ON orders.id = v.id
	WHEN MATCHED AND v.total IS NULL THEN DELETE
	WHEN MATCHED THEN UPDATE SET total = v.total
	WHEN NOT MATCHED THEN INSERT VALUES (v.id, 'merged', v.total);
COPY orders FROM stdin;
8	copied	8
9	\N	\N
\.
WITH gone AS (DELETE FROM orders WHERE id = 8 RETURNING *) INSERT INTO orders SELECT id + 100, customer, total FROM gone;
SELECT * FROM events();
TRUNCATE outbox.event;

-- what is rolled back is sent to nobody, and nothing that fails
BEGIN;
INSERT INTO orders VALUES (20, 'kept', 0);
SAVEPOINT s;
INSERT INTO orders VALUES (21, 'undone', 0);
ROLLBACK TO s;
INSERT INTO orders VALUES (22, 'kept', 0);
COMMIT;
INSERT INTO orders VALUES (23, 'fails', 0), (22, 'fails', 0);
BEGIN;
DELETE FROM orders;
ROLLBACK;
SELECT * FROM events();
TRUNCATE outbox.event;

-- references that act; a table's own trigger that writes to it again
CREATE TABLE line (order_id int REFERENCES orders ON DELETE CASCADE ON UPDATE CASCADE, no int, PRIMARY KEY (order_id, no));
SELECT outbox.attach('line');
INSERT INTO line VALUES (22, 1), (22, 2);
UPDATE orders SET id = 24 WHERE id = 22;
DELETE FROM orders WHERE id = 24;
SELECT * FROM events() ORDER BY aggregatetype DESC, type COLLATE "C", aggregateid, payload;
TRUNCATE outbox.event;
-- (its name sorts behind ours; one that sorts before it is warned of, and rightly so)
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE orders SET total = total + 1 WHERE id = NEW.id AND total < 3;
	RETURN NULL;
END $$;
CREATE TRIGGER again AFTER INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION again();
INSERT INTO orders VALUES (30, 'again', 0);
SELECT type, payload::json -> 'after' ->> 'total' AS total FROM events();
TRUNCATE outbox.event;
ALTER TRIGGER again ON orders RENAME TO "Again";
SELECT outbox.detach('orders');
SELECT outbox.attach('orders', 'order');
INSERT INTO orders VALUES (33, 'again', 2);
SELECT type, payload::json -> 'after' ->> 'total' AS total FROM events();
DROP TRIGGER "Again" ON orders;
TRUNCATE outbox.event;

-- BEFORE triggers have had their say
CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.id = 32 THEN RETURN NULL; END IF;
	NEW.customer := upper(NEW.customer);
	RETURN NEW;
END $$;
CREATE TRIGGER before BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION before();
INSERT INTO orders VALUES (31, 'loud', 0), (32, 'silent', 0);
SELECT * FROM events();
DROP TRIGGER before ON orders;
TRUNCATE outbox.event;

-- rows that are replicated to here were captured where they come from; who wants them again says so
SET session_replication_role = replica;
INSERT INTO orders VALUES (40, 'replicated', 0);
RESET session_replication_role;
ALTER TABLE orders ENABLE ALWAYS TRIGGER _outbox_capture_insert;
SET session_replication_role = replica;
INSERT INTO orders VALUES (41, 'always', 0);
DELETE FROM orders WHERE id = 41;
RESET session_replication_role;
ALTER TABLE orders DISABLE TRIGGER _outbox_capture_delete;
DELETE FROM orders WHERE id = 40;
SELECT * FROM events();
SELECT outbox.detach('orders'), outbox.detach('line');
INSERT INTO orders VALUES (50, 'not captured', 0);
TRUNCATE outbox.event;

-- as a deferred constraint trigger: at the end of the transaction, with the rows as they were
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE OR DELETE ON orders DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION outbox.capture('order', 'id', 'payload=row');
BEGIN;
INSERT INTO orders VALUES (60, 'late', 0);
UPDATE orders SET total = 1 WHERE id = 60;
SELECT count(*) FROM events();
SET CONSTRAINTS late IMMEDIATE;
SELECT count(*) FROM events();
UPDATE orders SET total = 2 WHERE id = 60;
SET CONSTRAINTS late DEFERRED;
DELETE FROM orders WHERE id = 60;
COMMIT;
SELECT * FROM events();
DROP TRIGGER late ON orders;
TRUNCATE outbox.event;

-- what a DELETE sends, and names of one's own
CREATE TABLE thing (id int PRIMARY KEY, name text);
SELECT outbox.attach('thing', payload => 'row', insert_type => 'thing.made', update_type => 'a,b=c', delete_type => 'thing gone');
INSERT INTO thing VALUES (1, 'a');
UPDATE thing SET name = 'b';
DELETE FROM thing;
SELECT outbox.detach('thing');
SELECT outbox.attach('thing', payload => 'row', deletes => 'event');
INSERT INTO thing VALUES (2, 'a');
DELETE FROM thing;
SELECT outbox.detach('thing');
SELECT outbox.attach('thing', deletes => 'both');
INSERT INTO thing VALUES (3, 'a');
DELETE FROM thing;
SELECT outbox.detach('thing');
SELECT outbox.attach('thing', deletes => 'tombstone', insert_type => '');
INSERT INTO thing VALUES (4, 'a');
DELETE FROM thing;
SELECT outbox.detach('thing');
SELECT * FROM events();
TRUNCATE outbox.event;

-- TRUNCATE: an error unless it is an event, or nobody's business
SELECT outbox.attach('thing');
TRUNCATE thing;
SELECT outbox.detach('thing');
SELECT outbox.attach('thing', truncates => 'event', truncate_type => 'emptied');
TRUNCATE thing;
SELECT outbox.detach('thing');
SELECT outbox.attach('thing', truncates => 'ignore');
TRUNCATE thing;
SELECT outbox.detach('thing');
SELECT outbox.attach('thing', operations => '{insert}');
TRUNCATE thing;
INSERT INTO thing VALUES (1, 'a');
UPDATE thing SET name = 'b';
DELETE FROM thing;
SELECT outbox.detach('thing');
SELECT * FROM events();
TRUNCATE outbox.event;

-- conditions
CREATE SCHEMA helpers;
CREATE FUNCTION helpers.interesting(text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT $1 NOT LIKE 'x%' $$;
SET search_path = public, helpers;
SELECT outbox.attach('thing', when_insert => 'interesting(NEW.name)',
	when_update => 'OLD.name IS DISTINCT FROM NEW.name -- only real changes', when_delete => 'OLD.id > 1 OR false');
RESET search_path;
INSERT INTO thing VALUES (1, 'one'), (2, 'two'), (3, 'xxx');
UPDATE thing SET name = name;
UPDATE thing SET name = 'yes' WHERE id = 3;
DELETE FROM thing;
SELECT * FROM events();
SELECT outbox.detach('thing');
TRUNCATE outbox.event;

-- an event that is refused fails the statement that changed the row, and says which trigger it was
SELECT outbox.attach('thing', 'thing');
SET pg_outbox.max_event_bytes = 100;
INSERT INTO thing VALUES (1, repeat('x', 100));
SET pg_outbox.max_event_bytes = 1000;
SET pg_outbox.allowed_types = 'order';
INSERT INTO thing VALUES (1, 'x');
RESET pg_outbox.allowed_types;
RESET pg_outbox.max_event_bytes;
SELECT count(*) FROM thing;
INSERT INTO thing SELECT i, 'many' FROM generate_series(1, 10000) AS i;
SELECT count(*), count(DISTINCT aggregateid), bool_and(payload::json -> 'after' ->> 'id' = aggregateid) AS right FROM events();
TRUNCATE outbox.event;

-- somebody's trigger on outbox.event sees captured rows, too
CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.aggregateid = '10002' THEN RETURN NULL; END IF;
	NEW.type := 'seen';
	RETURN NEW;
END $$;
CREATE TRIGGER drop_it BEFORE INSERT ON outbox.event FOR EACH ROW EXECUTE FUNCTION drop_it();
INSERT INTO thing VALUES (10001, 'a'), (10002, 'b');
SELECT * FROM events();
DROP TRIGGER drop_it ON outbox.event;
TRUNCATE outbox.event;

-- a row of a temporary table in a transaction that may write nothing else
CREATE TEMP TABLE temporary (id int PRIMARY KEY);
SELECT outbox.attach('temporary');
BEGIN READ ONLY;
INSERT INTO temporary VALUES (1);
ROLLBACK;
INSERT INTO temporary VALUES (1);

-- a prepared transaction
BEGIN;
INSERT INTO thing VALUES (10003, 'prepared');
PREPARE TRANSACTION 'capture_rows';
COMMIT PREPARED 'capture_rows';
SELECT * FROM events();

-- DROP EXTENSION asks before it takes the triggers
DROP EXTENSION pg_outbox;
DROP EXTENSION pg_outbox CASCADE;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'thing'::regclass;
INSERT INTO thing VALUES (10004, 'free');
