/* After used.sql: the extension as if nobody had used it, without having created it again. */
DELETE FROM outbox.relay;
TRUNCATE outbox.event;
UPDATE outbox.partition
   SET state = CASE rot WHEN 0 THEN 'current' ELSE 'free' END,
	   left_at = NULL, writers = NULL, closed_at = NULL, closed_lsn = NULL;
UPDATE outbox.rotation SET current = 0;
