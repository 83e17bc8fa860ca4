/* ---- what DROP EXTENSION leaves behind ---- */

/*
 * Slots and publications do not belong to the extension: DROP EXTENSION leaves them, and the server does not say
 * so.  Only an event trigger hears of it, and only before: afterwards it is gone itself.  At that moment nothing says
 * what will be dropped but the text of the query; one that is no plain DROP (a function, a prepared statement) may
 * mean us.  Not in C: a library that is missing would make every DROP EXTENSION of the database fail.
 */
CREATE FUNCTION outbox.warn_before_drop() RETURNS event_trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $warn$
DECLARE
	ours CONSTANT text := CASE tg_tag
		WHEN 'DROP EXTENSION' THEN 'pg_outbox'
		ELSE (SELECT e.extowner::regrole::text FROM pg_extension AS e WHERE e.extname = 'pg_outbox') END;
	query CONSTANT text := coalesce(current_query(), '');
	slots text[];
	publications text[];
	commands text[];
BEGIN
	IF query ~* ('^\s*' || replace(tg_tag, ' ', '\s+') || '\M')
	   AND strpos(lower(query), lower(trim(BOTH '"' FROM ours))) = 0
	   AND (tg_tag = 'DROP EXTENSION' OR query !~* '\m(current_role|current_user|session_user)\M')
	   AND query !~* 'U&"'
	THEN
		RETURN;
	END IF;
	SELECT array_agg(s.slot_name::text ORDER BY s.slot_name) INTO slots
	  FROM outbox.relay AS r JOIN pg_replication_slots AS s ON s.slot_name = r.slot_name
	 WHERE s.database = current_database();
	SELECT array_agg(p.pubname::text ORDER BY p.pubname) INTO publications
	  FROM pg_publication AS p
	 WHERE p.pubname IN (SELECT r.publication FROM outbox.relay AS r)
		OR p.oid IN (SELECT t.prpubid FROM pg_publication_rel AS t WHERE t.prrelid = 'outbox.event'::regclass);
	IF slots IS NULL AND publications IS NULL THEN
		RETURN;
	END IF;
	commands := ARRAY(SELECT format('SELECT pg_drop_replication_slot(%L);', u.name) FROM unnest(slots) AS u (name))
		|| ARRAY(SELECT format('DROP PUBLICATION %I;', u.name) FROM unnest(publications) AS u (name));
	RAISE WARNING USING
		MESSAGE = 'replication slots and publications stay when the extension "pg_outbox" is dropped',
		DETAIL = format('Slots: %s. Publications: %s. A slot that nobody reads keeps WAL until the disk is full.',
						coalesce(array_to_string(slots, ', '), 'none'), coalesce(array_to_string(publications, ', '), 'none')),
		HINT = format('Run outbox-relay teardown before, or remove them by hand: %s', array_to_string(commands, ' '));
EXCEPTION WHEN OTHERS THEN
	/* Nothing that is wrong here keeps anybody from dropping anything. */
	RAISE WARNING 'could not look for the replication slots of the extension "pg_outbox": %', sqlerrm;
END
$warn$;
COMMENT ON FUNCTION outbox.warn_before_drop() IS
	'event trigger function: names the slots and publications that DROP EXTENSION pg_outbox leaves behind';
REVOKE ALL ON FUNCTION outbox.warn_before_drop() FROM PUBLIC;

CREATE EVENT TRIGGER pg_outbox_warn_before_drop ON ddl_command_start
	WHEN TAG IN ('DROP EXTENSION', 'DROP OWNED')
	EXECUTE FUNCTION outbox.warn_before_drop();
COMMENT ON EVENT TRIGGER pg_outbox_warn_before_drop IS
	'names the slots and publications that DROP EXTENSION pg_outbox leaves behind';
