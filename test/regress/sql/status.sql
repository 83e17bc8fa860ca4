-- outbox.status: one row a relay, for a role that is no superuser.
\pset null '~'
CREATE ROLE regress_monitor;
GRANT USAGE ON SCHEMA outbox TO regress_monitor;
GRANT SELECT ON outbox.status TO regress_monitor;
GRANT EXECUTE ON FUNCTION outbox.rotation_settings(), outbox.oldest_unpublished(pg_snapshot),
	outbox.failover_problem(jsonb, int4, bool, text, name[]) TO regress_monitor;
SET ROLE regress_monitor;
SELECT count(*) FROM outbox.status;
SELECT count(*) FROM outbox.dead_letter;
SELECT count(*) FROM outbox.event;
RESET ROLE;

CREATE FUNCTION settle(slot name) RETURNS void LANGUAGE sql AS $$
	UPDATE outbox.relay SET mark_lsn = pg_current_wal_insert_lsn(), mark_at = clock_timestamp(),
		   heartbeat_snapshot = pg_current_snapshot(), heartbeat_at = clock_timestamp() WHERE slot_name = slot;
$$;
INSERT INTO outbox.relay (slot_name, publication, source_id, state) VALUES ('status_' || current_database(), 'p', 'src', 'creating');
SELECT slot_name AS slot FROM outbox.relay \gset
CREATE VIEW slots AS SELECT source_id, state, slot_state, active_pid, standby_relays, wal_status, invalidation_reason,
	retained_bytes > 0 AS retains, safe_wal_size IS NOT NULL AS limited, dead_letters FROM outbox.status;
GRANT SELECT ON slots TO regress_monitor;

-- the slot: not there, of another plugin, there, and ahead of the mark
TABLE slots;
SELECT 'made' FROM pg_create_logical_replication_slot(:'slot', 'test_decoding');
TABLE slots;
SELECT 'dropped' FROM pg_drop_replication_slot(:'slot');
SELECT 'made' FROM pg_create_logical_replication_slot(:'slot', 'pgoutput');
UPDATE outbox.relay SET state = 'ready', mark_lsn = '0/1';
TABLE slots;
SELECT settle(:'slot');
SET ROLE regress_monitor;
TABLE slots;
RESET ROLE;
SELECT confirmed_flush_lsn <= mark_lsn AS behind_the_mark, restart_lsn <= confirmed_flush_lsn AS kept FROM outbox.status;

-- relays are counted by the name of their connections; one that streams has one, too
SET ROLE regress_monitor;
SET application_name = 'somebody';
SELECT standby_relays FROM outbox.status;
SELECT set_config('application_name', left('outbox-relay/' || :'slot', 63), false) IS NOT NULL AS named;
SELECT standby_relays FROM outbox.status;
RESET application_name;
RESET ROLE;

-- dead letters: those that wait
INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype, created_at)
	SELECT s, n::text, 'too large', outbox.uuid7(), 'order', now() FROM unnest(ARRAY[:'slot', 'other']) AS s, generate_series(1, 3) AS n;
SELECT outbox.redrive(ARRAY[(SELECT id FROM outbox.dead_letter WHERE slot_name = :'slot' AND position = '2')]);
SELECT dead_letters FROM outbox.status;
DELETE FROM outbox.dead_letter;

-- lag: nothing to publish, then events, then published again
SELECT settle(:'slot');
SELECT lag_seconds FROM outbox.status;
INSERT INTO outbox.event (aggregatetype, created_at) VALUES ('order', now() - interval '1 hour');
SELECT lag_bytes > 0 AS bytes, lag_seconds BETWEEN 3600 AND 7200 AS an_hour FROM outbox.status;
-- one that is not committed is nobody's yet, one that never will be neither
BEGIN;
INSERT INTO outbox.event (aggregatetype, created_at) VALUES ('order', now() - interval '1 day');
ROLLBACK;
SELECT lag_seconds BETWEEN 3600 AND 7200 AS an_hour FROM outbox.status;
SELECT settle(:'slot');
SELECT lag_seconds FROM outbox.status;
-- without rows (they may be deleted at once) much WAL counts
UPDATE outbox.relay SET mark_at = now() - interval '2 hours', heartbeat_at = now() - interval '3 hours';
SELECT lag_seconds FROM outbox.status;
UPDATE outbox.relay SET mark_lsn = mark_lsn - 17 * 1024 * 1024::numeric;
SELECT lag_bytes > 17 * 1024 * 1024 AS bytes, lag_seconds BETWEEN 7200 AND 10000 AS two_hours FROM outbox.status;
SELECT settle(:'slot');

-- the oldest unpublished event is found whereever the published ones end, over partitions too
SET pg_outbox.rotation_interval = 0;
TRUNCATE outbox.event;
SELECT outbox.oldest_unpublished(pg_current_snapshot());
CREATE TABLE snapshots (n int, seen pg_snapshot);
CREATE PROCEDURE write_events(first int, last int) LANGUAGE plpgsql AS $$
BEGIN
	FOR n IN first..last LOOP
		INSERT INTO outbox.event (aggregatetype, payload, created_at)
			SELECT 'order', to_json(repeat('x', 500)), timestamptz '2026-01-01 00:00:00Z' + n * interval '1 minute' FROM generate_series(1, 7);
		COMMIT;
		INSERT INTO snapshots VALUES (n, pg_current_snapshot());
		COMMIT;
	END LOOP;
END $$;
CALL write_events(1, 300);
SELECT outbox.maintain();
CALL write_events(301, 320);
SELECT outbox.maintain();
CALL write_events(321, 500);
SELECT count(DISTINCT tableoid) AS partitions, pg_relation_size('outbox.event_0') / current_setting('block_size')::int8 > 100 AS many_blocks FROM outbox.event;
SELECT count(*) FILTER (WHERE outbox.oldest_unpublished(seen) IS DISTINCT FROM
		CASE WHEN n < 500 THEN timestamptz '2026-01-01 00:00:00Z' + (n + 1) * interval '1 minute' END) AS wrong,
	   count(*) AS tried
  FROM snapshots;
SELECT outbox.oldest_unpublished(NULL) = min(created_at) AS all_of_them FROM outbox.event;

-- why the oldest partition is kept
CREATE VIEW kept AS SELECT oldest_partition, regexp_replace(replace(kept_because, current_setting('my.slot'), 'SLOT'), '[0-9A-F]+/[0-9A-F]+|(?<=until ).*$', 'X', 'g') AS kept_because FROM outbox.status;
SELECT set_config('my.slot', :'slot', false) IS NOT NULL AS set;
UPDATE outbox.partition SET state = CASE rot WHEN 0 THEN 'current' ELSE 'free' END, left_at = NULL, writers = NULL, closed_at = NULL, closed_lsn = NULL;
UPDATE outbox.rotation SET current = 0;
TABLE kept;
SELECT outbox.maintain();
TABLE kept;
UPDATE outbox.partition SET writers = '{3/7,4/9}' WHERE state = 'closing';
TABLE kept;
SELECT outbox.maintain();
TABLE kept;
SELECT settle(:'slot');
TABLE kept;
SET pg_outbox.retention = 0;
TABLE kept;
INSERT INTO outbox.relay (slot_name, publication, source_id, state) VALUES ('behind', 'p', 'src2', 'backfill');
SELECT kept_because FROM outbox.status;
DELETE FROM outbox.relay WHERE slot_name = 'behind';
SELECT outbox.maintain();
TABLE kept;

-- failover, as far as the catalogs know: versions, primary, standby
CREATE FUNCTION problem(slot jsonb, version int DEFAULT 170000, in_recovery bool DEFAULT false, standby_slots text DEFAULT 'a, "b"') RETURNS text
	LANGUAGE sql AS $$ SELECT outbox.failover_problem(slot, version, in_recovery, standby_slots, '{a,b}') $$;
SELECT problem('{"slot_name": "s"}', 150020);
SELECT problem('{"slot_name": "s"}', 160015);
SELECT problem(NULL), problem(NULL, in_recovery => true);
SELECT problem('{"failover": false, "synced": false, "temporary": false}');
SELECT problem('{"failover": true, "synced": false, "temporary": false}');
SELECT problem('{"failover": true, "synced": true, "temporary": false}', 180000);
SELECT problem('{"failover": true, "synced": false}', standby_slots => ''), problem('{"failover": true, "synced": false}', standby_slots => NULL);
SELECT problem('{"failover": true, "synced": false}', standby_slots => 'a,gone');
SELECT outbox.failover_problem('{"failover": true, "synced": false}', 170000, false, 'a', NULL);
SELECT problem('{"failover": true, "synced": false, "invalidation_reason": "wal_removed"}');
SELECT problem('{"failover": true, "synced": true, "temporary": false}', in_recovery => true, standby_slots => '');
SELECT problem('{"failover": true, "synced": true, "temporary": true}', in_recovery => true);
SELECT problem('{"failover": true, "synced": false, "temporary": false}', in_recovery => true);
SELECT failover_ready = (failover_problem IS NULL) AS agree, failover_problem IS NOT NULL AS problem FROM outbox.status;

-- in reused space, too: VACUUM has freed older blocks, and a new session writes there
TRUNCATE outbox.event, snapshots;
CALL write_events(1, 300);
SELECT tableoid::regclass::text AS leaf FROM outbox.event ORDER BY created_at DESC LIMIT 1 \gset
DELETE FROM :leaf WHERE ctid < '(20,0)' OR ctid >= '(40,0)' AND ctid < '(60,0)';
VACUUM :leaf;
INSERT INTO snapshots VALUES (1000, pg_current_snapshot());
\c -
INSERT INTO outbox.event (aggregatetype, created_at) VALUES ('reused', '2026-02-01 00:00:00Z');
SELECT ctid < '(60,0)' AS in_older_block FROM ONLY :leaf WHERE aggregatetype = 'reused';
SELECT outbox.oldest_unpublished(seen) = '2026-02-01 00:00:00Z' AS found FROM snapshots WHERE n = 1000;
SELECT outbox.oldest_unpublished(pg_current_snapshot());

-- of a partition above 64 MB only some blocks are read
TRUNCATE outbox.event, snapshots;
INSERT INTO outbox.event (aggregatetype, payload, created_at)
	SELECT 'order', to_json(repeat('x', 1000)), '2025-12-31 00:00:00Z' FROM generate_series(1, 70000);
INSERT INTO snapshots VALUES (600, pg_current_snapshot());
CALL write_events(601, 620);
SELECT pg_relation_size(tableoid) > 64 * 1024 * 1024 AS large FROM outbox.event LIMIT 1;
SELECT count(*) FILTER (WHERE outbox.oldest_unpublished(seen) IS DISTINCT FROM
		CASE WHEN n < 620 THEN timestamptz '2026-01-01 00:00:00Z' + (n + 1) * interval '1 minute' END) AS wrong,
	   count(*) AS tried
  FROM snapshots;
SELECT outbox.oldest_unpublished(NULL) = min(created_at) AS all_of_them FROM outbox.event;

SELECT 'dropped' FROM pg_drop_replication_slot(:'slot');
DROP OWNED BY regress_monitor;
DROP ROLE regress_monitor;
