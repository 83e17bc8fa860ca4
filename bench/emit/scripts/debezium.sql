\set n random(1, 10000)
BEGIN;
INSERT INTO account (id, balance) VALUES (:n, 1) ON CONFLICT (id) DO UPDATE SET balance = account.balance + 1;
INSERT INTO debezium_outbox (aggregatetype, aggregateid, type, payload) VALUES ('account', :n::text, 'changed', payload_of(:n)::jsonb);
COMMIT;
