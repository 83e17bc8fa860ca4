/* ---- settings: those of the extension, in a table, because without the module anybody could set a parameter ---- */

CREATE TABLE outbox.setting (
	max_event_bytes int4 NOT NULL DEFAULT 921600,
	allowed_types text[] NOT NULL DEFAULT '{}',
	rotation_interval interval NOT NULL DEFAULT '12 hours',
	retention interval NOT NULL DEFAULT '1 day',
	CONSTRAINT setting_max_event_bytes CHECK
		(max_event_bytes OPERATOR(pg_catalog.>=) 1 AND max_event_bytes OPERATOR(pg_catalog.<=) 268435456),
	CONSTRAINT setting_rotation_interval CHECK (rotation_interval OPERATOR(pg_catalog.>=) '0'::pg_catalog.interval),
	CONSTRAINT setting_retention CHECK (retention OPERATOR(pg_catalog.>=) '0'::pg_catalog.interval)
);
CREATE UNIQUE INDEX setting_one_row ON outbox.setting ((true));
INSERT INTO outbox.setting DEFAULT VALUES;
COMMENT ON TABLE outbox.setting IS 'one row: what the parameters pg_outbox.* are with the extension';
COMMENT ON COLUMN outbox.setting.max_event_bytes IS
	'the largest event: aggregatetype, aggregateid, type, payload and headers together, in bytes';
COMMENT ON COLUMN outbox.setting.allowed_types IS 'aggregate types that are accepted; empty: all';
COMMENT ON COLUMN outbox.setting.rotation_interval IS 'how long one partition is written to';
COMMENT ON COLUMN outbox.setting.retention IS 'how long events are kept at least after their partition was closed';

CREATE FUNCTION outbox.limits(OUT max_event_bytes int4, OUT allowed_types text[])
	LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $limits$
BEGIN
	SELECT s.max_event_bytes, s.allowed_types INTO max_event_bytes, allowed_types FROM outbox.setting AS s;
END
$limits$;
COMMENT ON FUNCTION outbox.limits() IS 'the settings that the check of outbox.event reads, with the rights of who inserts';

