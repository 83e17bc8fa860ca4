	LANGUAGE plpgsql VOLATILE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $uuid7$
DECLARE
	usec int8 := floor(extract(epoch FROM clock_timestamp()) * 1000000);
	fraction int4 := ((usec % 1000) * 4096 / 1000)::int4;
	/* A version 4 has the variant and 62 random bits where a version 7 has them. */
	bytes bytea := overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(usec / 1000) FROM 3) FROM 1);
BEGIN
	bytes := set_byte(set_byte(bytes, 6, 112 | (fraction >> 8)), 7, fraction & 255);
	RETURN encode(bytes, 'hex')::uuid;
END
$uuid7$;
