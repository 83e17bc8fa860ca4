	LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $settings$
BEGIN
	SELECT s.rotation_interval, s.retention INTO rotation_interval, retention FROM outbox.setting AS s;
END
$settings$;
