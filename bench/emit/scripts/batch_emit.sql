SELECT count(outbox.emit('account', i::text, 'changed', payload_of(i))) FROM generate_series(1, 100) AS i;
