-- outbox.capture() for each statement: transition tables, and what they can't pair.
\pset null '~'
CREATE FUNCTION events() RETURNS TABLE (aggregateid text, type text, payload text)
LANGUAGE sql AS $$ SELECT aggregateid, type, payload::text FROM outbox.event ORDER BY id $$;
CREATE TABLE item (id int PRIMARY KEY DEFERRABLE, v text);
SELECT outbox.attach('item', level => 'statement');
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'item'::regclass AND NOT tgisinternal ORDER BY 1;

INSERT INTO item VALUES (1, 'a'), (2, 'b'), (3, 'c');
UPDATE item SET v = v || '!' WHERE id > 1;
DELETE FROM item WHERE id = 3;
UPDATE item SET v = 'nobody' WHERE id = 99;
DELETE FROM item WHERE id = 99;
INSERT INTO item SELECT 1, 'x' WHERE false;
SELECT * FROM events();
TRUNCATE outbox.event;

-- keys that change: tombstones of the old ones first, then the new rows, which can't be paired
UPDATE item SET id = 10 WHERE id = 1;
-- rows that take each other's keys, or move up: the last event of each key is right
UPDATE item SET id = 12 - id;
INSERT INTO item VALUES (3, 'three'), (4, 'four'), (5, 'five');
UPDATE item SET id = id + 1 WHERE id IN (3, 4, 5);
-- one of several changes its key
UPDATE item SET id = CASE id WHEN 4 THEN 40 ELSE id END, v = upper(v);
SELECT * FROM events();
SELECT i.id, i.v, e.payload -> 'after' ->> 'v' = i.v AS right
  FROM item AS i LEFT JOIN LATERAL (SELECT * FROM outbox.event WHERE aggregateid = i.id::text ORDER BY id DESC LIMIT 1) AS e ON true ORDER BY 1;
SELECT aggregateid FROM outbox.event AS e
 WHERE payload IS NOT NULL AND payload ->> 'op' <> 't' AND aggregateid NOT IN (SELECT id::text FROM item)
   AND NOT EXISTS (SELECT FROM outbox.event AS later WHERE later.aggregateid = e.aggregateid AND later.id > e.id AND later.payload IS NULL);
TRUNCATE outbox.event;

-- both kinds of statement in one
ALTER TABLE item ADD CONSTRAINT item_id UNIQUE (id);
INSERT INTO item VALUES (7, 'seven'), (40, 'forty') ON CONFLICT ON CONSTRAINT item_id DO NOTHING;
INSERT INTO item VALUES (8, 'eight'), (40, 'forty') ON CONFLICT ON CONSTRAINT item_id DO UPDATE SET v = EXCLUDED.v;
MERGE INTO item USING (VALUES (7, NULL), (8, 'merged'), (9, 'new')) AS m (id, v) ON item.id = m.id
	WHEN MATCHED AND m.v IS NULL THEN DELETE
	WHEN MATCHED THEN UPDATE SET v = m.v
	WHEN NOT MATCHED THEN INSERT VALUES (m.id, m.v);
WITH d AS (DELETE FROM item WHERE id = 9 RETURNING *), u AS (UPDATE item SET v = 'with' WHERE id = 8) INSERT INTO item SELECT id + 100, v FROM d;
COPY item FROM stdin;
50	copied
51	\N
\.
SELECT * FROM events();
TRUNCATE outbox.event;
TRUNCATE item;
BEGIN;
INSERT INTO item VALUES (60, 'undone');
SAVEPOINT s;
DELETE FROM item;
ROLLBACK;
SELECT outbox.detach('item');
DELETE FROM item;
SELECT * FROM events();

-- many rows: more than stay in memory, with another trigger that reads the same rows
CREATE TABLE seen (op text, old_rows bigint, new_rows bigint);
CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO seen SELECT TG_OP, (SELECT count(*) FROM o), (SELECT count(*) FROM n);
	RETURN NULL;
END $$;
CREATE TRIGGER a_before AFTER UPDATE ON item REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION seen();
CREATE TRIGGER z_after AFTER UPDATE ON item REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION seen();
SELECT outbox.attach('item', level => 'statement', payload => 'row', truncates => 'ignore', deletes => 'both');
SET work_mem = '64kB';
INSERT INTO item SELECT i, repeat('x', 100) || i FROM generate_series(1, 5000) AS i;
UPDATE item SET v = 'y' || id;
UPDATE item SET id = id + 10000;
DELETE FROM item;
RESET work_mem;
SELECT type, payload IS NULL AS tombstone, count(*), count(DISTINCT aggregateid) AS keys, bool_and(payload ->> 'id' = aggregateid) AS right
  FROM outbox.event GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM seen;
SELECT outbox.detach('item');
TRUNCATE outbox.event;

-- a partitioned table sees all of it, rows that move too, when it is what the statement names
CREATE TABLE part (region text, id int, v text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b (v text, id int NOT NULL, region text NOT NULL);
ALTER TABLE part ATTACH PARTITION part_b FOR VALUES IN ('b');
SELECT outbox.attach('part', key => '{id}', level => 'statement');
INSERT INTO part VALUES ('a', 1, 'one'), ('b', 2, 'two'), ('b', 3, 'three');
UPDATE part SET region = 'a', v = upper(v);
INSERT INTO part_a VALUES ('a', 4, 'not seen');
DELETE FROM part;
SELECT * FROM events();
SELECT outbox.attach('part_a', level => 'statement');
TRUNCATE outbox.event;
-- rows that a trigger of the new partition drops: what comes after them can't be paired, and its last event is still right
CREATE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 6 THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER drop_row BEFORE INSERT ON part_b FOR EACH ROW EXECUTE FUNCTION drop_row();
INSERT INTO part VALUES ('a', 5, 'five'), ('a', 6, 'six'), ('a', 7, 'seven');
TRUNCATE outbox.event;
UPDATE part SET region = 'b';
SELECT region, id FROM part ORDER BY 2;
SELECT * FROM events();
TRUNCATE outbox.event;

-- a DELETE in WITH that the main statement reads to its end comes before it; one that it doesn't read to its end comes after it
CREATE TABLE replaced (id int PRIMARY KEY, v text);
SELECT outbox.attach('replaced', level => 'statement', deletes => 'event');
INSERT INTO replaced VALUES (1, 'a');
TRUNCATE outbox.event;
WITH old AS (DELETE FROM replaced RETURNING id) INSERT INTO replaced SELECT id, 'b' FROM old;
SELECT * FROM events();
TRUNCATE outbox.event;
WITH old AS (DELETE FROM replaced RETURNING id) INSERT INTO replaced SELECT id, 'c' FROM (SELECT id FROM old LIMIT 1) AS o;
SELECT * FROM events();
TRUNCATE outbox.event;
-- MERGE deletes first
MERGE INTO replaced AS r USING (VALUES (1, 'c'), (1, 'd')) AS n (id, v) ON r.id = n.id AND r.v = n.v
	WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.v);
SELECT * FROM events();
TRUNCATE outbox.event;

-- by hand: what is missing is said
CREATE TABLE hand (id int PRIMARY KEY);
CREATE TRIGGER i AFTER INSERT ON hand FOR EACH STATEMENT EXECUTE FUNCTION outbox.capture('hand', 'id');
CREATE TRIGGER u AFTER UPDATE ON hand REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION outbox.capture('hand', 'id');
CREATE TRIGGER d AFTER DELETE ON hand FOR EACH STATEMENT EXECUTE FUNCTION outbox.capture('hand', 'id');
INSERT INTO hand VALUES (1);
UPDATE hand SET id = 2;
DELETE FROM hand;
DROP TABLE hand;
SELECT * FROM events();

-- a row is not sent by two tables: one by statement above and one by row below it are refused, in either order
CREATE TABLE tree (id int PRIMARY KEY, kind int) PARTITION BY LIST (id);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1, 2) PARTITION BY LIST (id);
CREATE TABLE tree_1_1 PARTITION OF tree_1 FOR VALUES IN (1);
CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (replaced);
SET client_min_messages = error;
SELECT outbox.attach('tree', level => 'statement');
SELECT outbox.attach('tree_1_1');
SELECT outbox.attach('tree_1');
SELECT outbox.detach('tree');
SELECT outbox.attach('tree_1_1');
SELECT outbox.attach('tree', level => 'statement');
SELECT outbox.detach('tree_1_1');
SELECT outbox.attach('heir');
SELECT outbox.attach('heir', level => 'statement');
SELECT outbox.detach('replaced');
SELECT outbox.detach('heir');
SELECT outbox.attach('heir');
SELECT outbox.attach('replaced', level => 'statement');
SELECT outbox.attach('replaced');
RESET client_min_messages;
DROP TABLE heir, tree;
