-- A transaction of five events; pgbench, which counts n for each of its clients.  The event with number g of client c has the key
-- c<c>-<g mod 16>, and an id in which both numbers stand: test/soak/account.py knows them.
\set n :n + 5
SELECT count(outbox.emit('soak', 'c' || :client_id::int || '-' || (g % 16), 'Soaked',
		json_build_object('n', g, 'padding', repeat('x', 100)), NULL::jsonb,
		('00000000-0000-7000-8' || lpad(to_hex(:client_id::bigint), 3, '0') || '-' || lpad(to_hex(g), 12, '0'))::uuid))
	FROM generate_series(:n - 4, :n) AS g;
