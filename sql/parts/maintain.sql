/* ---- maintenance ---- */

/*
 * A partition goes from current to closing to closed to free, and is current again two rotations later.
 *
 * closing: a transaction that had its lock on outbox.event when the rotation was committed may not have heard
 * of it, and writes to the old partition until it ends.  Those that came later have heard.  So the holders of
 * that lock are written down once, by a call in a later transaction than the one that rotated, of which nobody hears
 * before its commit; when all of them have ended, nobody
 * writes to the partition any more, and every commit in it lies before the WAL position of that moment.  A
 * holder that was prepared (PREPARE TRANSACTION) leaves its virtual transaction and keeps its lock on the leaf.
 *
 * The lock on outbox.rotation, and not one on its row, keeps two calls apart: it is given up only after the
 * invalidation of the rotation was sent, a row's before.
 *
 * Nothing waits longer than the lock time-out; what can't be had is left for the next call.
 */
CREATE FUNCTION outbox.maintain() RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET lock_timeout = '100ms'
	SET default_statistics_target = 10
AS $maintain$
DECLARE
	settings record;
	now_current int2;
	since timestamptz;
	next_rot int2;
	part record;
	open_writers text[];
	closed bool := false;
	truncated bool := false;
	written bool := false;
	done text[] := '{}';
BEGIN
	BEGIN
		LOCK TABLE outbox.rotation IN SHARE ROW EXCLUSIVE MODE NOWAIT;
	EXCEPTION WHEN lock_not_available THEN
		RETURN 'busy';
	END;
	SELECT s.rotation_interval, s.retention INTO STRICT settings FROM outbox.rotation_settings() AS s;

	/* Not a row that this transaction wrote: its xmin is not before the transaction's own. */
	FOR part IN
		SELECT p.rot, p.writers
		  FROM outbox.partition AS p
		 WHERE p.state = 'closing' AND age(p.xmin) > 0
		 ORDER BY p.left_at
	LOOP
		open_writers := part.writers;
		IF open_writers IS NULL THEN
			SELECT coalesce(array_agg(DISTINCT l.virtualtransaction), '{}') INTO open_writers
			  FROM pg_locks AS l, pg_database AS d
			 WHERE d.datname = current_database() AND l.database = d.oid
			   AND l.relation = 'outbox.event'::regclass AND l.mode = 'RowExclusiveLock' AND l.granted;
			UPDATE outbox.partition AS p SET writers = open_writers WHERE p.rot = part.rot;
		END IF;
		PERFORM
		   FROM pg_locks AS l, pg_database AS d
		  WHERE d.datname = current_database()
			AND (l.virtualtransaction = ANY (open_writers)
				 OR (l.pid IS NULL AND l.database = d.oid AND l.mode = 'RowExclusiveLock'
					 AND l.relation = format('outbox.event_%s', part.rot)::regclass));
		CONTINUE WHEN FOUND;
		UPDATE outbox.partition AS p
		   SET state = 'closed', closed_at = clock_timestamp(), closed_lsn = pg_current_wal_insert_lsn()
		 WHERE p.rot = part.rot;
		closed := true;
		done := done || format('closed %s', part.rot);
	END LOOP;

	/* Without a relay nobody has published anything, and nothing goes. */
	FOR part IN
		SELECT p.rot
		  FROM outbox.partition AS p
		 WHERE p.state = 'closed' AND p.closed_at <= clock_timestamp() - settings.retention
		   AND (SELECT bool_and(r.state = 'ready' AND coalesce(r.mark_lsn >= p.closed_lsn, false)) FROM outbox.relay AS r)
		 ORDER BY p.left_at
	LOOP
		BEGIN
			/* First: a transaction whose snapshot is older than what another session did ends here. */
			UPDATE outbox.partition AS p
			   SET state = 'free', left_at = NULL, writers = NULL, closed_at = NULL, closed_lsn = NULL
			 WHERE p.rot = part.rot;
			EXECUTE format('TRUNCATE TABLE ONLY outbox.event_%s', part.rot);
			truncated := true;
			done := done || format('truncated %s', part.rot);
		EXCEPTION WHEN lock_not_available THEN
			done := done || format('could not lock %s', part.rot);
		END;
	END LOOP;

	/* An empty partition stays: an idle outbox writes nothing. */
	SELECT r.current, r.rotated_at INTO STRICT now_current, since FROM outbox.rotation AS r;
	next_rot := (now_current + 1) % 3;
	IF since <= clock_timestamp() - settings.rotation_interval
	   AND EXISTS (SELECT FROM outbox.partition AS p WHERE p.rot = next_rot AND p.state = 'free')
	THEN
		BEGIN
			written := pg_relation_size(format('outbox.event_%s', now_current)::regclass) > 0;
		EXCEPTION WHEN lock_not_available THEN
			done := done || format('could not lock %s', now_current);
		END;
	END IF;
	IF written THEN
		UPDATE outbox.rotation SET current = next_rot, rotated_at = clock_timestamp();
		UPDATE outbox.partition AS p SET state = 'closing', left_at = clock_timestamp() WHERE p.rot = now_current;
		UPDATE outbox.partition AS p SET state = 'current' WHERE p.rot = next_rot;
		done := done || format('rotated to %s', next_rot);
	END IF;

	/*
	 * Autovacuum sees to the partitions, and never to the table that they make up.  A sample of 3,000 rows, and
	 * not beside a TRUNCATE: its lock would last for as long.
	 */
	IF closed AND NOT truncated THEN
		BEGIN
			ANALYZE (SKIP_LOCKED) outbox.event;
		EXCEPTION WHEN lock_not_available THEN
			NULL;
		END;
	END IF;
	RETURN array_to_string(done, ', ');
END
$maintain$;
COMMENT ON FUNCTION outbox.maintain() IS
	'rotates outbox.event and truncates what is old and published; safe at any rate from several sessions; says what it did';

