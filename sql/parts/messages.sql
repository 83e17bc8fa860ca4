/* ---- logical messages as events: pg_outbox.storage = wal ---- */

ALTER TABLE outbox.relay ADD COLUMN wal_messages_until pg_lsn;
COMMENT ON COLUMN outbox.relay.wal_messages IS
	'whether logical messages are taken as events; changed by outbox-relay init --wal-messages';
COMMENT ON COLUMN outbox.relay.wal_messages_until IS
	'where that was switched off: messages of transactions that commit before it are events still';

CREATE FUNCTION outbox.relay_changed() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'outbox_relay_changed';
COMMENT ON FUNCTION outbox.relay_changed() IS 'trigger function: tells every session that a registration changed';
REVOKE ALL ON FUNCTION outbox.relay_changed() FROM PUBLIC;

/* Not with each mark. */
CREATE TRIGGER relay_changed
	AFTER INSERT OR UPDATE OF slot_name, state, wal_messages OR DELETE OR TRUNCATE ON outbox.relay
	FOR EACH STATEMENT EXECUTE FUNCTION outbox.relay_changed();
ALTER TABLE outbox.relay ENABLE ALWAYS TRIGGER relay_changed;
COMMENT ON TRIGGER relay_changed ON outbox.relay IS
	'tells sessions that write logical messages whether a relay takes them';

