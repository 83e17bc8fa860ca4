/*
 * app_schema.c
 *	  Tables and handlers.
 *
 * The index on request_id is not unique: a row that comes twice has to be
 * counted, not hidden.  "n" is the order in which rows came.  The handlers'
 * upsert takes whatever comes last, without a look at the version: events out of
 * order would show.
 */
#include "app_schema.h"

const char *const app_schema_sql =
	"CREATE TABLE location_history ("
	" n bigserial PRIMARY KEY,"
	" mode text NOT NULL,"
	" request_id uuid NOT NULL,"
	" driver_id text NOT NULL,"
	" version bigint NOT NULL,"
	" latitude double precision NOT NULL,"
	" longitude double precision NOT NULL,"
	" heading double precision NOT NULL,"
	" speed double precision NOT NULL,"
	" accuracy double precision NOT NULL,"
	" status text NOT NULL,"
	" reported_at timestamptz NOT NULL,"
	" stored_at timestamptz NOT NULL DEFAULT clock_timestamp());"
	"CREATE INDEX location_history_request ON location_history (request_id);"
	"CREATE TABLE driver_location ("
	" mode text NOT NULL,"
	" driver_id text NOT NULL,"
	" version bigint NOT NULL,"
	" latitude double precision NOT NULL,"
	" longitude double precision NOT NULL,"
	" heading double precision NOT NULL,"
	" speed double precision NOT NULL,"
	" accuracy double precision NOT NULL,"
	" status text NOT NULL,"
	" reported_at timestamptz NOT NULL,"
	" PRIMARY KEY (mode, driver_id)) WITH (fillfactor = 70);";

#define COLUMNS "version, latitude, longitude, heading, speed, accuracy, status, reported_at"
#define VALUES                                                                                     \
	"(payload->>'version')::bigint, (payload->>'latitude')::float8,\n"                             \
	"	(payload->>'longitude')::float8, (payload->>'heading')::float8,\n"                           \
	"	(payload->>'speed')::float8, (payload->>'accuracy')::float8,\n"                              \
	"	payload->>'status', (payload->>'time')::timestamptz\n"

/* Of one mode: its name and topic go where %s stands. */
static const char history_handler[] =
	"[handler %s_history]\n"
	"topic = %s\n"
	"payload = jsonb\n"
	"sql = INSERT INTO location_history (mode, request_id, driver_id, " COLUMNS ")\n"
	"	SELECT '%s', (payload->>'request_id')::uuid, key, " VALUES
	"	FROM batch ORDER BY ordinality\n"
	"\n";

static const char location_handler[] =
	"[handler %s_location]\n"
	"topic = %s\n"
	"payload = jsonb\n"
	"sql = INSERT INTO driver_location (mode, driver_id, " COLUMNS ")\n"
	"	SELECT '%s', key, " VALUES "	FROM batch_latest\n"
	"	ON CONFLICT (mode, driver_id) DO UPDATE SET version = EXCLUDED.version,\n"
	"	latitude = EXCLUDED.latitude, longitude = EXCLUDED.longitude,\n"
	"	heading = EXCLUDED.heading, speed = EXCLUDED.speed, accuracy = EXCLUDED.accuracy,\n"
	"	status = EXCLUDED.status, reported_at = EXCLUDED.reported_at\n"
	"\n";

void
app_handlers_write(const bool *modes, Buffer *ini)
{
	for (int i = 0; i < MODE_COUNT; i++)
	{
		const char *name = mode_name((Mode) i);
		const char *topic = mode_topic((Mode) i);

		if (!modes[i] || topic == NULL)
			continue;
		buffer_printf(ini, history_handler, name, topic, name);
		buffer_printf(ini, location_handler, name, topic, name);
	}
}
