-- What the benchmark writes to.
CREATE EXTENSION pg_outbox;
CREATE EXTENSION pg_walinspect;

CREATE TABLE account (id int PRIMARY KEY, balance int8 NOT NULL) WITH (fillfactor = 50);
INSERT INTO account SELECT i, 0 FROM generate_series(1, 10000) AS i;

-- 400 bytes, inlined by the planner.
CREATE FUNCTION payload_of(n int) RETURNS json LANGUAGE sql STABLE AS $$
	SELECT json_build_object('account', lpad(n::text, 8, '0'), 'note', repeat('x', 363))
$$;

-- As Debezium's documentation has it.
CREATE TABLE debezium_outbox (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	aggregatetype varchar(255) NOT NULL,
	aggregateid varchar(255) NOT NULL,
	type varchar(255) NOT NULL,
	payload jsonb
);

-- outbox.event without its check and its trigger: columns, defaults and partitions are the same.
CREATE TABLE plain_event (LIKE outbox.event INCLUDING DEFAULTS) PARTITION BY LIST (rot);
CREATE TABLE plain_event_0 PARTITION OF plain_event FOR VALUES IN (0);
CREATE TABLE plain_event_1 PARTITION OF plain_event FOR VALUES IN (1);
CREATE TABLE plain_event_2 PARTITION OF plain_event FOR VALUES IN (2);

-- For messages emit() wants a registration, and its slot, which the benchmark makes.
INSERT INTO outbox.relay (slot_name, publication, source_id, state, wal_messages)
	VALUES ('bench', 'bench', 'bench', 'ready', true);
