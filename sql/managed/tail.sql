
/* ---- what is different from the extension ---- */

COMMENT ON SCHEMA outbox IS 'transactional outbox: events, their rotation, and registered relays (pg_outbox @VERSION@, SQL only)';
COMMENT ON FUNCTION outbox.partition_changed() IS 'trigger function: does nothing; the extension''s tells every session that outbox.rotation changed';
COMMENT ON TRIGGER partition_changed ON outbox.rotation IS 'does nothing';
COMMENT ON FUNCTION outbox.relay_changed() IS 'trigger function: does nothing; the extension''s tells every session that a registration changed';
COMMENT ON TRIGGER relay_changed ON outbox.relay IS 'does nothing';
COMMENT ON FUNCTION outbox.uuid7() IS 'a new UUID version 7; rises with the server''s clock';

COMMIT;
