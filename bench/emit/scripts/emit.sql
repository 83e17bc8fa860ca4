\set n random(1, 10000)
BEGIN;
INSERT INTO account (id, balance) VALUES (:n, 1) ON CONFLICT (id) DO UPDATE SET balance = account.balance + 1;
SELECT outbox.emit('account', :n::text, 'changed', payload_of(:n));
COMMIT;
