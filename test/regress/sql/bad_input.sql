-- Every rejection has a code, a message, a detail and a hint, shows no payload, and undoes its own statement alone.
\set SHOW_CONTEXT never
CREATE TABLE business (n int, what text);
CREATE TABLE outcome (n int, way text, state text, message text, detail text, hint text);
CREATE TABLE cases (n int GENERATED ALWAYS AS IDENTITY, what text, aggregatetype text, payload text, headers text, settings text);
INSERT INTO cases (what, aggregatetype, payload, headers, settings) VALUES
	('fine', '$$order$$', '$${}$$', NULL, NULL),
	('no type', 'NULL', '$${}$$', NULL, NULL),
	('spaces', '$$two words$$', '$${}$$', NULL, NULL),
	('a line', '$$two$$ || chr(10) || $$lines$$', '$${}$$', NULL, NULL),
	('300 characters', 'repeat($$x$$, 300)', '$${}$$', NULL, NULL),
	('a path', '$$../../etc/passwd$$', '$${}$$', NULL, NULL),
	('a glyph', '$$caf$$ || chr(233)', '$${}$$', NULL, NULL),
	('not allowed', '$$other$$', '$${}$$', NULL, 'SET LOCAL pg_outbox.allowed_types = $$order$$'),
	('oversized', '$$order$$', 'to_json(repeat($$secret$$, 200000))', NULL, NULL),
	('oversized headers', '$$order$$', '$${}$$', 'jsonb_build_object($$h$$, repeat($$secret$$, 200000))', 'SET LOCAL pg_outbox.max_event_bytes = $$2MB$$'),
	('nested object', '$$order$$', '$${}$$', '$${"a": {"b": "secret"}}$$', NULL),
	('nested array', '$$order$$', '$${}$$', '$${"a": ["secret"]}$$', NULL),
	('no object', '$$order$$', '$${}$$', '$$["secret"]$$', NULL),
	('reserved', '$$order$$', '$${}$$', '$${"id": "secret"}$$', NULL),
	('too many', '$$order$$', '$${}$$', '(SELECT jsonb_object_agg(i, 1) FROM generate_series(1, 61) AS i)', NULL),
	('too far behind', '$$order$$', '$${}$$', NULL, 'SET LOCAL pg_outbox.backpressure = $$error$$'),
	('read only', '$$order$$', '$${}$$', NULL, 'SET LOCAL transaction_read_only = on'),
	('nobody reads', '$$order$$', '$${}$$', NULL, 'SET LOCAL pg_outbox.storage = $$wal$$'),
	('malformed', '$$order$$', '$${"secret":$$', NULL, NULL),
	('bytes as text', '$$order$$', '$$\xff$$::bytea::text', NULL, NULL),
	('empty', '$$order$$', '$$$$', NULL, NULL),
	('two values', '$$order$$', '$${} {}$$', NULL, NULL);

CREATE FUNCTION try(n int, way text, settings text, statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	o outcome;
BEGIN
	BEGIN
		EXECUTE coalesce(settings, 'SELECT');
		EXECUTE statement;
		RAISE SQLSTATE 'UNDO1';
	EXCEPTION
		WHEN SQLSTATE 'UNDO1' THEN
			o.state := 'accepted';
		WHEN OTHERS THEN
			o.state := SQLSTATE;
			GET STACKED DIAGNOSTICS o.message = MESSAGE_TEXT, o.detail = PG_EXCEPTION_DETAIL, o.hint = PG_EXCEPTION_HINT;
	END;
	INSERT INTO outcome SELECT n, way, o.state, o.message, o.detail, o.hint;
END $$;

-- one transaction: each statement would write business rows, too
BEGIN;
INSERT INTO business VALUES (0, 'before');
SELECT count(try(n, w.way, settings, format(w.statement, aggregatetype, payload, coalesce(headers, 'NULL'))))
  FROM cases, (VALUES
	('emit', 'WITH b AS (SELECT outbox.emit(%1$s, $k$1$k$, $k$x$k$, %2$s, %3$s)) SELECT * FROM b'),
	('json', 'SELECT outbox.emit(%1$s, $k$1$k$, $k$x$k$, (%2$s)::json, %3$s)'),
	('insert', 'INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload, headers) VALUES (%1$s, $k$1$k$, $k$x$k$, (%2$s)::json, %3$s)'),
	('insert many', 'INSERT INTO outbox.event (aggregatetype, payload, headers) VALUES ($k$order$k$, $k${}$k$, NULL), (%1$s, (%2$s)::json, %3$s)')) AS w (way, statement);
INSERT INTO business VALUES (1, 'after');
COMMIT;
SELECT * FROM business;
SELECT count(*) FROM outbox.event;
SELECT n, what, state, message, detail, hint FROM cases JOIN outcome USING (n) WHERE way = 'emit' ORDER BY n;
-- an INSERT says the same, but for what is emit()'s alone, and for casts
SELECT n, what, way, state, message FROM cases JOIN outcome AS o USING (n)
 WHERE way <> 'emit' AND (state, message, detail, hint) IS DISTINCT FROM
	(SELECT (e.state, e.message, e.detail, e.hint) FROM outcome AS e WHERE e.n = o.n AND e.way = 'emit') ORDER BY n, way;
SELECT n, way, state FROM outcome WHERE state <> 'accepted' AND (coalesce(detail, '') = '' OR coalesce(hint, '') = '') ORDER BY n, way;
SELECT n, way FROM outcome WHERE concat(message, detail, hint) LIKE '%secret%';

-- the statement's own rows go with it
BEGIN;
INSERT INTO business VALUES (2, 'kept');
SAVEPOINT s;
WITH b AS (INSERT INTO business SELECT i, 'lost' FROM generate_series(1, 3) AS i RETURNING n)
SELECT outbox.emit(CASE n WHEN 3 THEN 'bad type' ELSE 'order' END, n::text, 'x', '{}') FROM b;
ROLLBACK TO s;
COMMIT;
SELECT * FROM business WHERE n > 1;
SELECT count(*) FROM outbox.event;
COPY outbox.event (aggregatetype, payload) FROM STDIN;
order	{}
two words	{}
\.
SELECT count(*) FROM outbox.event;

-- an id may repeat: nothing keeps track of ids
SELECT outbox.emit('order', '1', 'x', '{}', id => '01890a5d-ac96-774b-bcce-b302099a8057') FROM generate_series(1, 2);
INSERT INTO outbox.event (id, aggregatetype) VALUES ('01890a5d-ac96-774b-bcce-b302099a8057', 'order');
INSERT INTO outbox.event (id, aggregatetype) VALUES ('00000000-0000-0000-0000-000000000000', 'order');
SELECT id, count(*) FROM outbox.event GROUP BY id ORDER BY id;

-- JSON may name U+0000, a header can't hold it
SELECT outbox.emit('order', '1', 'x', '{"a": "\u0000"}') IS NOT NULL AS emitted;
SELECT outbox.emit('order', '1', 'x', '{}', '{"a": "\u0000"}');
-- bytes that are no text
SELECT outbox.emit('order', '1', 'x', convert_from('\xff', 'UTF8'));
SELECT outbox.emit('order', '1', 'x', '\xff'::bytea) IS NOT NULL AS emitted;

-- a database without an encoding takes any bytes: what can't be sent as UTF-8 is refused, whoever writes it
CREATE DATABASE regress_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C';
CREATE DATABASE regress_win TEMPLATE template0 ENCODING 'WIN1252' LOCALE 'C';
SELECT current_database() AS home \gset
\c regress_ascii
\set SHOW_CONTEXT never
CREATE EXTENSION pg_outbox;
SET client_encoding = 'SQL_ASCII';
SELECT outbox.emit('order', convert_from('\xff', 'SQL_ASCII'), 'x', '{}');
SELECT outbox.emit('order', '1', convert_from('\xc3', 'SQL_ASCII'), '{}');
SELECT outbox.emit('order', '1', 'x', convert_from('\x22ff22', 'SQL_ASCII')::json);
INSERT INTO outbox.event (aggregatetype, payload) SELECT 'order', to_json(repeat(convert_from('\xc3bc', 'SQL_ASCII'), 20000) || convert_from('\xff', 'SQL_ASCII'));
SELECT outbox.emit('order', '1', 'x', '{}', jsonb_build_object('h', convert_from('\xff', 'SQL_ASCII')));
SELECT outbox.emit('order', convert_from('\x5ac3bc72696368', 'SQL_ASCII'), 'x', convert_from('\x22e282ac22', 'SQL_ASCII')::json) IS NOT NULL AS emitted;
SELECT outbox.emit('order', '1', 'x', '\xff'::bytea) IS NOT NULL AS emitted;
INSERT INTO outbox.event (aggregatetype, payload) SELECT 'order', to_json(repeat(convert_from('\xc3bc', 'SQL_ASCII'), 20000));
\c regress_win
\set SHOW_CONTEXT never
CREATE EXTENSION pg_outbox;
SELECT outbox.emit('order', chr(129), 'x', '{}');
INSERT INTO outbox.event (aggregatetype, aggregateid) VALUES ('order', chr(129));
SELECT outbox.emit('order', chr(128), 'x', to_json(chr(252))) IS NOT NULL AS emitted;
\c :home
DROP DATABASE regress_ascii;
DROP DATABASE regress_win;
