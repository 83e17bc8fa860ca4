/* ---- the settings that decide an event's place: recorded by outbox-relay run, changed by outbox-relay repartition ---- */

ALTER TABLE outbox.relay ADD COLUMN routing text;
COMMENT ON COLUMN outbox.relay.routing IS
	'the relay''s settings that decide the topic and the partition of an event, as a JSON object; null: no relay has run yet';

/*
 * The routing map goes with its registration.  Not by a foreign key: pg_dump knows of no order between the rows of an
 * extension's tables, so "pg_restore -j" may load the map before the registrations.
 */
CREATE FUNCTION outbox.relay_gone() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $gone$
BEGIN
	DELETE FROM outbox.topic AS t
	 WHERE NOT EXISTS (SELECT FROM outbox.relay AS r WHERE r.slot_name = t.slot_name);
	RETURN NULL;
END
$gone$;
COMMENT ON FUNCTION outbox.relay_gone() IS 'trigger function: removes the routing map of registrations that are gone';
REVOKE ALL ON FUNCTION outbox.relay_gone() FROM PUBLIC;

CREATE TRIGGER relay_gone AFTER DELETE OR TRUNCATE ON outbox.relay
	FOR EACH STATEMENT EXECUTE FUNCTION outbox.relay_gone();
ALTER TABLE outbox.relay ENABLE ALWAYS TRIGGER relay_gone;
COMMENT ON TRIGGER relay_gone ON outbox.relay IS 'the routing map goes with its registration';
