	/* VOLATILE: with a snapshot from after the writer's lock on outbox.event, unless the transaction has one snapshot for all. */
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $current$
BEGIN
	RETURN (SELECT r.current FROM outbox.rotation AS r);
END
$current$;
