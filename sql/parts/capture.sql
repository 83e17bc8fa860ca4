/* ---- captured tables ---- */

CREATE FUNCTION outbox.capture() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'outbox_capture';
COMMENT ON FUNCTION outbox.capture() IS
	'trigger function: makes events of changed rows; arguments: aggregate type, key columns, options as name=value';

/* Both run with the caller's rights, and with the caller's search_path for the sake of the conditions. */
CREATE FUNCTION outbox.attach(relation regclass, aggregatetype text DEFAULT NULL, key text[] DEFAULT NULL,
		columns text[] DEFAULT NULL, payload text DEFAULT NULL, level text DEFAULT NULL, operations text[] DEFAULT NULL,
		deletes text DEFAULT NULL, truncates text DEFAULT NULL, insert_type text DEFAULT NULL,
		update_type text DEFAULT NULL, delete_type text DEFAULT NULL, truncate_type text DEFAULT NULL,
		when_insert text DEFAULT NULL, when_update text DEFAULT NULL, when_delete text DEFAULT NULL) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_attach';
COMMENT ON FUNCTION outbox.attach(regclass, text, text[], text[], text, text, text[], text, text, text, text, text,
		text, text, text, text) IS
	'makes triggers that send an event for each change of a table''s rows';

CREATE FUNCTION outbox.detach(relation regclass) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_detach';
COMMENT ON FUNCTION outbox.detach(regclass) IS 'drops the triggers that outbox.attach() made';

REVOKE ALL ON FUNCTION outbox.capture(), outbox.detach(regclass), outbox.attach(regclass, text, text[], text[], text,
	text, text[], text, text, text, text, text, text, text, text, text) FROM PUBLIC;
