	LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $heartbeat$
BEGIN
	IF current_setting('transaction_read_only')::bool THEN
		RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction',
			MESSAGE = 'cannot execute outbox.heartbeat() in a read-only transaction';
	END IF;
	RETURN pg_logical_emit_message(true, 'pg_outbox.heartbeat', format('%s %s', $1, pg_current_snapshot()));
END
$heartbeat$;
