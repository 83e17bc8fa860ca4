-- pg_outbox.traceparent and pg_outbox.tracestate.
\pset null '~'
-- before the module is loaded anything can be said; what is no trace is dropped then
SET pg_outbox.traceparent = 'nonsense';
SELECT outbox.uuid7() IS NOT NULL AS loaded;
SHOW pg_outbox.traceparent;
SELECT name, context FROM pg_settings WHERE name LIKE 'pg_outbox.trace%' ORDER BY name;

CREATE FUNCTION attempt(setting text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text;
BEGIN
	PERFORM set_config('pg_outbox.' || setting, value, true);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN format('%s: %s', SQLSTATE, detail);
END $$;
SELECT v, attempt('traceparent', v) FROM unnest(ARRAY[
	'',
	'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
	'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
	'cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
	'cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more',
	'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more',
	'cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more',
	'cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-' || chr(233),
	'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
	'00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01',
	'00-00000000000000000000000000000000-b7ad6b7169203331-01',
	'00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
	'00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-011',
	'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0',
	'00 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 01',
	'garbage']) AS v;
SELECT left(v, 40) AS v, attempt('tracestate', v) FROM unnest(ARRAY[
	'', 'congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7, congo=t61rcWkgMzE ,', 'fw529a3039@dt=FfFf; a', ',',
	'nothing', '=1', 'A=1', 'a=', 'a=b=c', 'a=' || chr(9) || 'b', 'a=' || chr(233),
	repeat('k', 257) || '=1', 'a=' || repeat('v', 257), repeat('a=b,', 32) || 'c=d', repeat('a', 250) || '=' || repeat('b', 256) || ',cc=dd',
	repeat('a=bcdefghijklmnop,', 29)]) AS v;

-- picked up when the event has none
SET pg_outbox.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
SELECT outbox.emit('t', '1', 'x', '{}') IS NOT NULL AS emitted;
SELECT outbox.emit('t', '2', 'x', '{}'::jsonb, '{"tenant": "north", "n": 1.50}') IS NOT NULL AS emitted;
SELECT outbox.emit('t', '3', 'x', NULL, '{"traceparent": "own"}') IS NOT NULL AS emitted;
SELECT outbox.emit('t', '4', 'x', NULL, '{"traceparent": null}') IS NOT NULL AS emitted;
SET pg_outbox.tracestate = 'congo=t61rcWkgMzE';
SELECT outbox.emit('t', '5', 'x', 'x'::bytea) IS NOT NULL AS emitted;
SELECT outbox.emit('t', '6', 'x', '{}', '{"traceparent": "own"}') IS NOT NULL AS emitted;
SELECT outbox.emit('t', '7', 'x', '{}', '{"tracestate": "own=1"}') IS NOT NULL AS emitted;
SELECT outbox.emit('t', '8', 'x', '{}', '[]');
SELECT outbox.emit('t', '8', 'x', '{}', '{"nested": {"a": [1]}}');
-- counted like any other
SELECT outbox.emit('t', '9', 'x', '{}', (SELECT jsonb_object_agg('h' || i, i) FROM generate_series(1, 58) AS i)) IS NOT NULL AS emitted;
SELECT outbox.emit('t', '9', 'x', '{}', (SELECT jsonb_object_agg('h' || i, i) FROM generate_series(1, 59) AS i));
-- a plain INSERT has the headers that it gives
INSERT INTO outbox.event (aggregatetype, aggregateid) VALUES ('t', '10');
-- without a traceparent there is no trace
BEGIN;
SET LOCAL pg_outbox.traceparent = '';
SELECT outbox.emit('t', '11', 'x', '{}') IS NOT NULL AS emitted;
SET LOCAL pg_outbox.traceparent = '00-11111111111111111111111111111111-2222222222222222-00';
SELECT outbox.emit('t', '12', 'x', '{}') IS NOT NULL AS emitted;
COMMIT;
SELECT outbox.emit('t', '13', 'x', '{}') IS NOT NULL AS emitted;
RESET pg_outbox.traceparent;
SELECT outbox.emit('t', '14', 'x', '{}') IS NOT NULL AS emitted;
SELECT aggregateid, CASE WHEN aggregateid = '9' THEN (headers - ARRAY(SELECT 'h' || i FROM generate_series(1, 58) AS i)) ELSE headers END AS headers
  FROM outbox.event ORDER BY aggregateid::int;
