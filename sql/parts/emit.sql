/* ---- the normal way in ---- */

CREATE FUNCTION outbox.emit(aggregatetype text, aggregateid text, type text, payload json,
		headers jsonb DEFAULT NULL, id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_json';
COMMENT ON FUNCTION outbox.emit(text, text, text, json, jsonb, uuid) IS
	'writes an event in this transaction and returns its id; a null payload is a tombstone';

CREATE FUNCTION outbox.emit(aggregatetype text, aggregateid text, type text, payload jsonb,
		headers jsonb DEFAULT NULL, id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_jsonb';
COMMENT ON FUNCTION outbox.emit(text, text, text, jsonb, jsonb, uuid) IS
	'writes an event in this transaction and returns its id; a null payload is a tombstone';

CREATE FUNCTION outbox.emit(aggregatetype text, aggregateid text, type text, payload text,
		headers jsonb DEFAULT NULL, id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_text';
COMMENT ON FUNCTION outbox.emit(text, text, text, text, jsonb, uuid) IS
	'the same for string literals, parameters without a type and a plain NULL; the text has to be JSON';

CREATE FUNCTION outbox.emit(aggregatetype text, aggregateid text, type text, payload bytea,
		headers jsonb DEFAULT NULL, id uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'outbox_emit_bytea';
COMMENT ON FUNCTION outbox.emit(text, text, text, bytea, jsonb, uuid) IS
	'the same for a payload of bytes, which need not be JSON';

