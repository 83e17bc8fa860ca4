/*
 * pg_writer_sql.c
 *	  One statement a request: the rows are written in the order in which the
 *	  statement's parts need one another, the driver's row and its lock first.
 */
#include "pg_writer_sql.h"

#include <stddef.h>

#define LOCATION                                                                                   \
	"INSERT INTO driver_location AS l (mode, driver_id, version, latitude, longitude, heading,"    \
	" speed, accuracy, status, reported_at)"

#define UPSERT                                                                                     \
	LOCATION " VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9)"                                     \
			 " ON CONFLICT (mode, driver_id) DO UPDATE SET version = l.version + 1,"               \
			 " latitude = EXCLUDED.latitude, longitude = EXCLUDED.longitude,"                      \
			 " heading = EXCLUDED.heading, speed = EXCLUDED.speed,"                                \
			 " accuracy = EXCLUDED.accuracy, status = EXCLUDED.status,"                            \
			 " reported_at = EXCLUDED.reported_at"                                                 \
			 " RETURNING version"

#define HISTORY                                                                                    \
	"INSERT INTO location_history (mode, driver_id, latitude, longitude, heading, speed,"          \
	" accuracy, status, reported_at, request_id, version)"                                         \
	" SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10::uuid, version FROM latest RETURNING version"

#define STORE "WITH latest AS (" UPSERT ") " HISTORY

#define EMIT(type)                                                                                 \
	"WITH latest AS (" UPSERT "), history AS (" HISTORY ")"                                        \
	" SELECT version, outbox.emit('" type "', $2, 'LocationReported',"                             \
	" ($11::text || version || $12::text)::json) FROM history"

/* A driver that nobody has stored yet begins at 0, so that store makes it 1. */
static const char claim_sql[] =
	LOCATION " VALUES ($1, $2, 0, $3, $4, $5, $6, $7, $8, $9)"
			 " ON CONFLICT (mode, driver_id) DO UPDATE SET version = l.version";

static const char look_sql[] =
	"SELECT version FROM location_history WHERE mode = $1 AND request_id = $2 LIMIT 1";

#define TRANSACTION                                                                                \
	{"begin", "BEGIN"}, {"commit", "COMMIT"},                                                      \
	{                                                                                              \
		"rollback", "ROLLBACK"                                                                     \
	}

const PreparedStatement *
pg_writer_statements(Mode mode)
{
	static const PreparedStatement plain[] = {TRANSACTION, {"store", STORE}, {NULL, NULL}};
	static const PreparedStatement retried[] = {
		TRANSACTION, {"store", STORE}, {"claim", claim_sql}, {"look", look_sql}, {NULL, NULL}};
	static const PreparedStatement row[] = {TRANSACTION, {"store", EMIT("driver")}, {NULL, NULL}};
	static const PreparedStatement message[] = {
		TRANSACTION, {"store", EMIT("driver-wal")}, {NULL, NULL}};

	switch (mode)
	{
		case MODE_DIRECT_RETRY:
			return retried;
		case MODE_OUTBOX:
			return row;
		case MODE_OUTBOX_WAL:
			return message;
		default:
			return plain;
	}
}
