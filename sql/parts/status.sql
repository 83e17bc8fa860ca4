/* ---- status: what there is to know about each relay ---- */

/*
 * Takes what pg_replication_slots has of the slot as jsonb, because the columns that it asks for are not in every
 * version.
 */
CREATE FUNCTION outbox.failover_problem(slot jsonb, server_version int4, in_recovery bool, standby_slots text,
		streaming_slots name[]) RETURNS text
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $problem$
DECLARE
	standby text;
BEGIN
	IF server_version < 170000 THEN
		RETURN 'servers before PostgreSQL 17 keep no copy of a logical slot on a standby';
	ELSIF slot IS NULL AND in_recovery THEN
		RETURN 'the slot is not on this standby: see sync_replication_slots, hot_standby_feedback and primary_slot_name';
	ELSIF slot IS NULL THEN
		RETURN 'there is no slot';
	ELSIF slot ->> 'invalidation_reason' IS NOT NULL THEN
		RETURN format('the slot is invalid: %s', slot ->> 'invalidation_reason');
	ELSIF in_recovery AND NOT (slot ->> 'synced')::bool THEN
		RETURN 'a slot of this name that is no copy stands in the way of the copy: drop it on this standby';
	ELSIF in_recovery AND (slot ->> 'temporary')::bool THEN
		RETURN 'the copy is not complete yet';
	ELSIF in_recovery THEN
		RETURN NULL;
	ELSIF NOT (slot ->> 'failover')::bool THEN
		RETURN 'the slot was made without failover';
	ELSIF coalesce(trim(standby_slots), '') = '' THEN
		RETURN 'synchronized_standby_slots is empty: events may be published that no standby has yet';
	END IF;
	FOREACH standby IN ARRAY string_to_array(standby_slots, ',') LOOP
		standby := trim(BOTH ' "' FROM standby);
		IF NOT standby = ANY (coalesce(streaming_slots, '{}')) THEN
			RETURN format('the standby of the slot "%s" (synchronized_standby_slots) is away, and the relay waits for it', standby);
		END IF;
	END LOOP;
	RETURN NULL;
END
$problem$;
COMMENT ON FUNCTION outbox.failover_problem(jsonb, int4, bool, text, name[]) IS
	'why the slot would not survive a failover, or was not safe in one; null when nothing is known against it';

/*
 * When the oldest event was written that the snapshot doesn't see.  There is no index.  A partition of up to
 * exact_blocks is read as a whole.  Of a larger one only some blocks are: rows lie in the order of their insertion,
 * but for those that took free space in older blocks (which VACUUM and concurrent writers leave), so it goes back
 * from the end in growing steps, and then closes in on the first block that has such a row.  That misses events in
 * reused space.
 */
CREATE FUNCTION outbox.oldest_unpublished(published pg_snapshot) RETURNS timestamptz
	LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $oldest$
DECLARE
	exact_blocks CONSTANT int8 := 64 * 1024 * 1024 / current_setting('block_size')::int8;
	leaf text;
	unpublished text;
	one_block text;
	all_published int8;
	some_left int8;
	look int8;
	step int8;
	found_at timestamptz;
	oldest timestamptz;
BEGIN
	FOR leaf IN
		SELECT format('outbox.event_%s', p.rot) FROM outbox.partition AS p
	LOOP
		/* The first condition spares most rows the second, which costs more. */
		unpublished := format('SELECT min(e.created_at) FROM ONLY %s AS e'
							  ' WHERE (e.xid < pg_snapshot_xmin($1)) IS NOT TRUE'
							  ' AND pg_visible_in_snapshot(e.xid, $1) IS NOT TRUE', leaf);
		some_left := pg_relation_size(leaf::regclass) / current_setting('block_size')::int8;
		IF some_left <= exact_blocks THEN
			EXECUTE unpublished INTO found_at USING published;
			oldest := least(oldest, found_at);
			CONTINUE;
		END IF;
		one_block := unpublished || ' AND e.ctid >= $2::tid AND e.ctid < $3::tid';
		all_published := -1;
		step := 1;
		WHILE some_left - all_published > 1 LOOP
			look := CASE WHEN all_published < 0 THEN greatest(some_left - step, 0) ELSE (all_published + some_left) / 2 END;
			EXECUTE one_block INTO found_at USING published, format('(%s,0)', look), format('(%s,0)', look + 1);
			IF found_at IS NULL THEN
				all_published := look;
			ELSE
				oldest := least(oldest, found_at);
				some_left := look;
				step := step * 2;
			END IF;
		END LOOP;
	END LOOP;
	RETURN oldest;
END
$oldest$;
COMMENT ON FUNCTION outbox.oldest_unpublished(pg_snapshot) IS
	'when the oldest event was written that the snapshot does not see; of partitions above 64 MB an estimate that misses events in reused space';

REVOKE ALL ON FUNCTION outbox.failover_problem(jsonb, int4, bool, text, name[]), outbox.oldest_unpublished(pg_snapshot) FROM PUBLIC;

CREATE VIEW outbox.status AS
	WITH server AS (
		SELECT pg_is_in_recovery() AS in_recovery,
			   current_setting('server_version_num')::int4 AS version,
			   current_setting('synchronized_standby_slots', true) AS standby_slots,
			   (SELECT array_agg(p.slot_name) FROM pg_replication_slots AS p WHERE p.slot_type = 'physical' AND p.active)
				   AS streaming_slots,
			   CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END AS wal_end
	), oldest AS (
		SELECT p.rot, p.state, p.writers, p.closed_lsn, p.closed_at + (s.rotation_settings).retention AS kept_until
		  FROM outbox.partition AS p, (SELECT outbox.rotation_settings()) AS s
		 WHERE p.state IN ('closing', 'closed')
		 ORDER BY p.left_at
		 LIMIT 1
	), behind AS (
		SELECT r.slot_name, r.state, r.mark_lsn
		  FROM outbox.relay AS r, oldest AS o
		 WHERE r.state <> 'ready' OR r.mark_lsn IS NULL OR r.mark_lsn < o.closed_lsn
		 ORDER BY r.state = 'ready', r.mark_lsn NULLS FIRST, r.slot_name
		 LIMIT 1
	), kept AS (
		SELECT format('outbox.event_%s', o.rot) AS partition,
			   CASE
				   WHEN o.state = 'closing' AND o.writers IS NULL THEN 'outbox.maintain() has not looked for its writers yet'
				   WHEN o.state = 'closing' THEN
					   format('transactions that may write to it were open when outbox.maintain() looked: %s', array_to_string(o.writers, ', '))
				   WHEN b.state <> 'ready' THEN format('the relay of the slot "%s" is not ready (%s)', b.slot_name, b.state)
				   WHEN b.slot_name IS NOT NULL THEN
					   format('the relay of the slot "%s" is behind: its mark is %s, the partition ends at %s', b.slot_name, b.mark_lsn, o.closed_lsn)
				   WHEN o.kept_until > now() THEN format('pg_outbox.retention keeps it until %s', o.kept_until)
				   ELSE 'the next outbox.maintain() that gets its lock truncates it'
			   END AS because
		  FROM oldest AS o LEFT JOIN behind AS b ON true
	)
	SELECT r.slot_name, r.source_id, r.generation, r.state, r.publication,
		   CASE
			   WHEN s.slot_name IS NULL THEN 'missing'
			   WHEN s.slot_type <> 'logical' OR s.plugin <> 'pgoutput' OR s.database <> current_database() THEN 'not ours'
			   WHEN s.wal_status = 'lost' THEN 'lost'
			   WHEN server.in_recovery THEN 'on a standby'
			   WHEN s.confirmed_flush_lsn > r.mark_lsn THEN 'ahead of the mark'
			   WHEN s.active THEN 'streaming'
			   ELSE 'idle'
		   END AS slot_state,
		   s.active_pid,
		   (SELECT greatest(count(*) - CASE WHEN s.active THEN 1 ELSE 0 END, 0)
			  FROM pg_stat_activity AS a
			 WHERE a.datname = current_database() AND a.application_name = left('outbox-relay/' || r.slot_name, 63)) AS standby_relays,
		   s.wal_status,
		   to_jsonb(s) ->> 'invalidation_reason' AS invalidation_reason,
		   s.restart_lsn, s.confirmed_flush_lsn,
		   (server.wal_end - s.restart_lsn)::int8 AS retained_bytes,
		   s.safe_wal_size,
		   r.mark_lsn, r.mark_at,
		   greatest(server.wal_end - r.mark_lsn, 0)::int8 AS lag_bytes,
		   extract(epoch FROM greatest(
			   now() - lag.oldest,
			   CASE WHEN server.wal_end - r.mark_lsn > 16 * 1024 * 1024 THEN now() - greatest(r.mark_at, r.heartbeat_at) END,
			   interval '0'))::float8 AS lag_seconds,
		   r.last_position, r.heartbeat_at,
		   failover.problem IS NULL AS failover_ready,
		   failover.problem AS failover_problem,
		   (SELECT count(*) FROM outbox.dead_letter AS d WHERE d.slot_name = r.slot_name AND d.redriven_at IS NULL) AS dead_letters,
		   kept.partition AS oldest_partition,
		   kept.because AS kept_because,
		   r.routing,
		   r.gap_snapshot IS NOT NULL AS gap_open
	  FROM outbox.relay AS r
	 CROSS JOIN server
	  LEFT JOIN pg_replication_slots AS s ON s.slot_name = r.slot_name
	  LEFT JOIN kept ON true
	 CROSS JOIN LATERAL (
		SELECT outbox.failover_problem(CASE WHEN s.slot_name IS NOT NULL THEN to_jsonb(s) END, server.version, server.in_recovery,
									   server.standby_slots, server.streaming_slots) AS problem) AS failover
	 CROSS JOIN LATERAL (SELECT outbox.oldest_unpublished(r.heartbeat_snapshot) AS oldest) AS lag;
COMMENT ON VIEW outbox.status IS 'one row a registered relay: its slot, how far it is behind, and what its being behind keeps';
COMMENT ON COLUMN outbox.status.slot_name IS 'the relay';
COMMENT ON COLUMN outbox.status.source_id IS 'names this source in the positions of its events';
COMMENT ON COLUMN outbox.status.generation IS 'of the registration';
COMMENT ON COLUMN outbox.status.state IS 'of the registration: creating, backfill or ready';
COMMENT ON COLUMN outbox.status.publication IS 'the publication that it reads';
COMMENT ON COLUMN outbox.status.slot_state IS 'streaming, idle, missing, lost, ahead of the mark, on a standby, or not ours';
COMMENT ON COLUMN outbox.status.active_pid IS 'the process that sends to the relay';
COMMENT ON COLUMN outbox.status.standby_relays IS 'further relays that are connected for this slot';
COMMENT ON COLUMN outbox.status.wal_status IS 'as in pg_replication_slots';
COMMENT ON COLUMN outbox.status.invalidation_reason IS 'as in pg_replication_slots, since PostgreSQL 17';
COMMENT ON COLUMN outbox.status.restart_lsn IS 'the oldest WAL that the slot keeps';
COMMENT ON COLUMN outbox.status.confirmed_flush_lsn IS 'the position that the relay has confirmed';
COMMENT ON COLUMN outbox.status.retained_bytes IS 'how much WAL the slot keeps';
COMMENT ON COLUMN outbox.status.safe_wal_size IS 'how much WAL can still be written before the slot is lost; null: no limit';
COMMENT ON COLUMN outbox.status.mark_lsn IS 'the mark: all transactions that end at or before it are in Kafka';
COMMENT ON COLUMN outbox.status.mark_at IS 'when the mark was written';
COMMENT ON COLUMN outbox.status.lag_bytes IS 'how much WAL lies behind the mark, of whatever it is';
COMMENT ON COLUMN outbox.status.lag_seconds IS 'about how old the oldest event is that may not be in Kafka; 0: none was found (in partitions above 64 MB not all are looked at)';
COMMENT ON COLUMN outbox.status.last_position IS 'the position of the last event before the mark';
COMMENT ON COLUMN outbox.status.heartbeat_at IS 'when the last confirmed heartbeat was committed: older events are in Kafka';
COMMENT ON COLUMN outbox.status.failover_ready IS 'whether nothing is known that a failover would lose';
COMMENT ON COLUMN outbox.status.failover_problem IS 'what is known against it';
COMMENT ON COLUMN outbox.status.dead_letters IS 'those of this relay that were not redriven';
COMMENT ON COLUMN outbox.status.oldest_partition IS 'the oldest partition of outbox.event that is kept and not written to; the same for all relays';
COMMENT ON COLUMN outbox.status.kept_because IS 'why it is kept';
COMMENT ON COLUMN outbox.status.routing IS 'the recorded settings of the relay that decide where an event goes; null: no relay has run yet';
COMMENT ON COLUMN outbox.status.gap_open IS 'a gap was accepted, and outbox-relay replay --gap has not filled it';
