/* ---- how the relay publishes ---- */

ALTER TABLE outbox.relay ADD COLUMN exactly_once_generation int4;
COMMENT ON COLUMN outbox.relay.exactly_once_generation IS
	'the generation in which the relay publishes with delivery = exactly-once; another one or null: at least once';
