/* ---- what an accepted gap may have lost: outbox-relay replay --gap sends it ---- */

ALTER TABLE outbox.relay ADD COLUMN gap_snapshot pg_snapshot;
COMMENT ON COLUMN outbox.relay.gap_snapshot IS
	'of an accepted gap: events that it sees were in Kafka, those that it doesn''t and start_snapshot does may be missing; null: no gap, or replayed';
