-- UUID version 7: version, variant, time, order.
SELECT substr(u, 15, 1) AS version, substr(u, 20, 1) IN ('8', '9', 'a', 'b') AS variant
  FROM (SELECT outbox.uuid7()::text AS u) AS x;
SELECT abs(('x' || replace(substr(outbox.uuid7()::text, 1, 13), '-', ''))::bit(48)::bigint - extract(epoch FROM clock_timestamp()) * 1000) < 1000 AS now;
WITH u AS MATERIALIZED (SELECT i, outbox.uuid7() AS u FROM generate_series(1, 100000) AS i)
SELECT count(DISTINCT u), bool_and(u > before) AS rising FROM (SELECT u, lag(u, 1, '00000000-0000-0000-0000-000000000000') OVER (ORDER BY i) AS before FROM u) AS x;
-- the random part of many is different
WITH u AS MATERIALIZED (SELECT outbox.uuid7()::text AS u FROM generate_series(1, 20000))
SELECT count(DISTINCT substr(u, 20)) FROM u;
