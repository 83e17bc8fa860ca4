\set n random(1, 10000)
WITH changed AS (INSERT INTO account (id, balance) VALUES (:n, 1) ON CONFLICT (id) DO UPDATE SET balance = account.balance + 1 RETURNING id)
SELECT payload_of(id) FROM changed;
