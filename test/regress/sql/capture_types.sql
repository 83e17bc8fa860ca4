-- What captured values look like: the row is row_to_json()'s, the key is text.
\pset null '~'
CREATE EXTENSION hstore;
CREATE DOMAIN positive AS numeric CHECK (VALUE > 0);
CREATE DOMAIN tags AS text[];
CREATE TYPE mood AS ENUM ('fine', 'so "so"');
CREATE TYPE pair AS (a int, "B b" text, c timestamptz);
CREATE TABLE kind (
	id int PRIMARY KEY, b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric, n2 numeric(6, 2), t text, v varchar(40), c char(6),
	nm name, ch "char", by bytea, u uuid, d date, ts timestamp, tz timestamptz, ti time, tt timetz, iv interval,
	j json, jb jsonb, ia int[], ta text[], na numeric[], tsa timestamptz[], ma mood[], m mood, p pair, pa pair[], dp positive, dt tags,
	r int4range, tr tstzrange, mr int4multirange, ip inet, bi bit(3), x xml, h hstore, ts_v tsvector, pt point, mo money, rc regclass,
	"odd ""name""" text, "ünï" text
);
SELECT outbox.attach('kind', payload => 'row', deletes => 'event');
INSERT INTO kind (id) VALUES (1);
INSERT INTO kind VALUES (2, true, -32768, -9223372036854775808, 1.1, 'NaN', 'NaN', 1234.5, E'quote " back \\ slash / tab \t nl \n cr \r bs \b ff \f esc \x1b del \x7f', 'ümlaut 😀', 'ab',
	'name', 'x', '\x00ff22', '01890a5d-ac96-774b-bcce-b302099a8057', '2026-11-21', '2026-11-21 01:02:03.000004', '2026-11-21 01:02:03.5+02', '01:02:03.5', '01:02:03+05:30', '1 mon -2 days 03:04:05',
	'{"z": 1.50,  "a":2, "a":3}', '{"z": 1.50,  "a":2, "a":3}', '{1,NULL,3}', '{a,"b\"c",NULL,""}', '{NaN,1.10}', '{2026-11-21 00:00+00}', '{fine,"so \"so\""}', 'so "so"',
	ROW(1, 'x"y', '2026-11-21 00:00+00'), ARRAY[ROW(1, NULL, NULL)::pair], 1.5, '{x}',
	'[1,5)', '[2026-11-21 00:00+00,)', '{[1,2),[5,6)}', '10.0.0.1/8', B'101', '<a b="c"/>', 'a=>1, b=>NULL', 'fat:2 cat:3', '(1,2)', 12.50, 'kind', 'odd', 'ünï');
INSERT INTO kind (id, i2, i8, f4, f8, n, n2, t, v, c, d, ts, tz, ia, ta, na, pa, by) VALUES (3, 32767, 9223372036854775807, 'Infinity', '-Infinity', '-Infinity', NULL, '', ' ', '', 'infinity', '-infinity', 'infinity',
	'{}', '{{a,b},{c,d}}', '[2:3]={1,2}', '{}', '');
INSERT INTO kind (id, f4, f8, n, d, ts, tz, i2, i8) VALUES (4, 1e-38, 0.1::float8 + 0.2, 1e200, '0044-03-15 BC', '4713-01-01 00:00 BC', '200000-01-01 00:00+00', 0, -1);
-- every control character, at every distance from the next
INSERT INTO kind (id, t) SELECT 100 + i, repeat('p', i % 17) || chr(i) || repeat('q', 20 - i % 13) || chr(i) FROM generate_series(1, 31) AS i;
INSERT INTO kind (id, t) SELECT 200 + i, repeat('ä"\', i) || repeat('z', i) FROM generate_series(0, 20) AS i;
-- stored out of line, compressed, and neither
INSERT INTO kind (id, t, by, j, ta) SELECT 300, string_agg(md5(i::text) || chr(i % 31 + 1), ''), decode(string_agg(md5(i::text), ''), 'hex'), to_json(array_agg(i)), array_agg(i::text) FROM generate_series(1, 5000) AS i;
INSERT INTO kind (id, t, by) VALUES (301, repeat('compressed "', 5000), decode(repeat('00ff', 5000), 'hex'));
SELECT count(*), bool_and(e.payload::text = row_to_json(k)::text) AS same FROM outbox.event AS e JOIN kind AS k ON k.id::text = e.aggregateid;
SELECT e.payload FROM outbox.event AS e JOIN kind AS k ON k.id::text = e.aggregateid WHERE k.id < 100 ORDER BY k.id;
SELECT e.payload ->> 'id', e.payload::text, row_to_json(k) FROM outbox.event AS e JOIN kind AS k ON k.id::text = e.aggregateid WHERE e.payload::text <> row_to_json(k)::text;

-- values that the row has from before a column was added
ALTER TABLE kind ADD late text DEFAULT 'added later', ADD late_time timestamptz DEFAULT '2026-11-21 00:00+00';
TRUNCATE outbox.event;
UPDATE kind SET b = false WHERE id IN (1, 300);
DELETE FROM kind WHERE id = 301;
SELECT count(*), bool_and(e.payload::text = row_to_json(k)::text) AS same FROM outbox.event AS e JOIN kind AS k ON k.id::text = e.aggregateid;
SELECT payload ->> 'late' AS late, payload ->> 'late_time' AS late_time, length(payload ->> 't') FROM outbox.event WHERE type = 'deleted';

-- the settings of the session count for values as they do in row_to_json()
TRUNCATE outbox.event;
SET bytea_output = escape;
SET extra_float_digits = -3;
SET TimeZone = 'America/New_York';
SET DateStyle = 'German';
SET IntervalStyle = 'iso_8601';
UPDATE kind SET b = true;
SELECT count(*), bool_and(e.payload::text = row_to_json(k)::text) AS same FROM outbox.event AS e JOIN kind AS k ON k.id::text = e.aggregateid;
SELECT payload ->> 'f8' AS f8, payload ->> 'by' AS by, payload ->> 'tz' AS tz, payload ->> 'd' AS d, payload ->> 'iv' AS iv FROM outbox.event WHERE aggregateid = '2';
RESET ALL;
SELECT outbox.detach('kind');

-- but not for keys: one row has one key, whoever writes it
TRUNCATE outbox.event;
DO $$
DECLARE
	column_name text;
BEGIN
	FOREACH column_name IN ARRAY ARRAY['b', 'i2', 'i8', 'f4', 'f8', 'n', 'n2', 't', 'v', 'c', 'nm', 'ch', 'by', 'u', 'd', 'ts', 'tz', 'ti', 'm', 'ia', 'j', 'jb', 'dp', 'dt', 'ip', 'h', 'r']
	LOOP
		EXECUTE format('CREATE TRIGGER k AFTER UPDATE ON kind FOR EACH ROW EXECUTE FUNCTION outbox.capture(%L, %L, %L, %L)',
			column_name, column_name, 'columns=id', 'payload=row');
		EXECUTE 'UPDATE kind SET id = id WHERE id IN (2, 3, 4)';
		SET bytea_output = escape;
		SET extra_float_digits = -3;
		SET TimeZone = 'America/New_York';
		SET DateStyle = 'German';
		EXECUTE 'UPDATE kind SET id = id WHERE id IN (2, 3, 4)';
		RESET ALL;
		DROP TRIGGER k ON kind;
		EXECUTE format('CREATE TRIGGER k AFTER UPDATE ON kind FOR EACH ROW EXECUTE FUNCTION outbox.capture(%L, %L, %L, %L)',
			column_name, 'id, ' || column_name, 'columns=id', 'payload=row');
		EXECUTE 'UPDATE kind SET id = id WHERE id IN (2, 3, 4)';
		DROP TRIGGER k ON kind;
	END LOOP;
END $$;
SELECT aggregatetype, aggregateid, count(*) FROM outbox.event GROUP BY 1, 2 ORDER BY aggregatetype COLLATE "C", min(payload ->> 'id'), aggregateid COLLATE "C";
-- the array of a key of several columns is JSON
SELECT count(*), count(aggregateid::json) FROM outbox.event WHERE aggregateid ~ '^\[[234],.*\]$';

-- keys that are stored differently and written alike are one key; those that are equal and written differently are not
CREATE TABLE same (k text, n numeric, f float8, c char(8), x int);
ALTER TABLE same ALTER k SET STORAGE EXTERNAL;
CREATE TRIGGER k AFTER UPDATE ON same FOR EACH ROW EXECUTE FUNCTION outbox.capture('k', 'k', 'columns=x', 'payload=row');
CREATE TRIGGER n AFTER UPDATE ON same FOR EACH ROW EXECUTE FUNCTION outbox.capture('n', 'n', 'columns=x', 'payload=row');
CREATE TRIGGER f AFTER UPDATE ON same FOR EACH ROW EXECUTE FUNCTION outbox.capture('f', 'f', 'columns=x', 'payload=row');
CREATE TRIGGER c AFTER UPDATE ON same FOR EACH ROW EXECUTE FUNCTION outbox.capture('c', 'c', 'columns=x', 'payload=row');
INSERT INTO same VALUES (repeat('long', 1000), 1.0, 0, 'a', 1);
TRUNCATE outbox.event;
UPDATE same SET k = repeat('long', 1000), n = 1.00, f = '-0', c = 'a ', x = 2;
SELECT aggregatetype, left(aggregateid, 20) AS key, type, payload FROM outbox.event ORDER BY id;

-- a new cast to json is heard of
CREATE TYPE colour AS ENUM ('red');
CREATE TABLE cast_one (id int PRIMARY KEY, c colour);
SELECT outbox.attach('cast_one', payload => 'row');
TRUNCATE outbox.event;
INSERT INTO cast_one VALUES (1, 'red');
CREATE FUNCTION colour_json(colour) RETURNS json LANGUAGE sql IMMUTABLE AS $$ SELECT json_build_object('colour', $1::text) $$;
CREATE CAST (colour AS json) WITH FUNCTION colour_json(colour);
INSERT INTO cast_one VALUES (2, 'red');
SELECT e.payload, e.payload::text = row_to_json(o)::text AS same FROM outbox.event AS e JOIN cast_one AS o ON o.id::text = e.aggregateid ORDER BY o.id;
-- one that changes the table while it is captured
CREATE OR REPLACE FUNCTION colour_json(colour) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT count(*) FROM cast_one) < 5 THEN
		INSERT INTO cast_one SELECT max(id) + 1, 'red' FROM cast_one;
		EXECUTE format('COMMENT ON COLUMN cast_one.c IS %L', clock_timestamp());
		EXECUTE format('CREATE OR REPLACE TRIGGER other AFTER DELETE ON cast_one FOR EACH ROW EXECUTE FUNCTION outbox.capture(%L, %L)', 'x', 'id');
	END IF;
	RETURN to_json($1::text);
END $$;
INSERT INTO cast_one VALUES (3, 'red');
SELECT aggregateid, payload FROM outbox.event WHERE aggregatetype = 'cast_one' ORDER BY id;

-- times are written anew when they or the session's time zone are others
CREATE TABLE times (id int PRIMARY KEY, d date, ts timestamp, tz timestamptz);
SELECT outbox.attach('times', payload => 'row');
TRUNCATE outbox.event;
BEGIN;
SET LOCAL TimeZone = 'UTC';
INSERT INTO times VALUES (1, '1999-12-31', '1999-12-31', '1999-12-31 00:00+00'), (2, '2000-01-01', '2000-01-01', '2000-01-01 00:00+00'), (3, '2000-01-01', '2000-01-01', '2000-01-01 00:00+00');
SET LOCAL TimeZone = 'Asia/Tokyo';
UPDATE times SET id = id + 10 WHERE id = 3;
SET LOCAL TimeZone = 'utc';
UPDATE times SET ts = 'infinity', tz = NULL WHERE id = 13;
COMMIT;
SELECT payload FROM outbox.event ORDER BY id;
