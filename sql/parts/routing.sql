/* ---- the settings that decide an event's place: recorded by outbox-relay run, changed by outbox-relay repartition ---- */

ALTER TABLE outbox.relay ADD COLUMN routing text;
COMMENT ON COLUMN outbox.relay.routing IS
	'the relay''s settings that decide the topic and the partition of an event, as a JSON object; null: no relay has run yet';
