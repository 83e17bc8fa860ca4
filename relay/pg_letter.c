/*
 * pg_letter.c
 *	  The dead letter of a row of outbox.event, for commands that are run once.
 *
 * Refuses nothing itself; the server may.
 *
 * Invariants: one that waits isn't written again; LETTER_WRITTEN comes after the commit.  Two
 * commands at once write one: the key of the table has the id and its number.
 */
#include "pg_letter.h"

#include "pg_command.h"
#include "pg_error.h"
#include "pg_registry_sql.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAM_COUNT 13
#define PARAM_PAYLOAD 9
#define PARAM_BYTES 10
#define PLACE_SIZE (sizeof("replay//") + UUID_TEXT_SIZE + 24)

#define SQL_LETTERS_OF_ID                                                                          \
	"SELECT count(*), count(*) FILTER (WHERE redriven_at IS NULL) FROM outbox.dead_letter"         \
	" WHERE slot_name = $1 AND id = $2::uuid"

static bool
look(PgLink *link, const char *slot, const char *id, char place[PLACE_SIZE], bool *waits,
	 Error *error)
{
	const char *params[] = {slot, id};
	PGresult *result =
		pg_command(link, "look for a dead letter", SQL_LETTERS_OF_ID, params, 2, error);

	if (result == NULL)
		return false;
	snprintf(place, PLACE_SIZE, "replay/%s/%s", id, PQgetvalue(result, 0, 0));
	*waits = strcmp(PQgetvalue(result, 0, 1), "0") != 0;
	PQclear(result);
	return true;
}

static bool
insert(PgLink *link, const char *const *params, const StoredRow *row, Error *error)
{
	const char *values[PARAM_COUNT];
	int lengths[PARAM_COUNT] = {0};
	int formats[PARAM_COUNT] = {0};
	ByteView payload = row->payload_is_bytes ? row->other_payload : row->payload;
	ByteView bytes = row->payload_is_bytes ? row->payload : row->other_payload;
	PGresult *result;
	bool ok;

	memcpy(values, params, sizeof(values));
	values[PARAM_PAYLOAD] = (const char *) payload.data;
	lengths[PARAM_PAYLOAD] = payload.len > INT_MAX ? INT_MAX : (int) payload.len;
	formats[PARAM_PAYLOAD] = 1;
	values[PARAM_BYTES] = (const char *) bytes.data;
	lengths[PARAM_BYTES] = bytes.len > INT_MAX ? INT_MAX : (int) bytes.len;
	formats[PARAM_BYTES] = 1;
	result =
		PQexecParams(link->conn, SQL_DEAD_LETTER, PARAM_COUNT, NULL, values, lengths, formats, 0);
	ok = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (!ok)
		pg_error_result(error, result, "write a dead letter");
	PQclear(result);
	return ok;
}

static bool
write_letter(PgLink *link, const char *slot, const char *id, const char *place,
			 const StoredRow *row, const char *topic, const Error *why, Error *error)
{
	bool ok = true;
	char *type = view_copy(row->aggregate_type, &ok);
	char *key = view_copy(row->aggregate_id, &ok);
	char *name = view_copy(row->type, &ok);
	char *headers = view_copy(row->headers, &ok);
	char created_at[24];
	const char *params[PARAM_COUNT] = {
		slot, place,   topic,	  why->message, why->code[0] != '\0' ? why->code : NULL,
		id,	  type,	   key,		  name,			NULL,
		NULL, headers, created_at};

	snprintf(created_at, sizeof(created_at), "%lld", (long long) row->created_at);
	if (ok)
		ok = insert(link, params, row, error);
	else
		error_bug(error, "out of memory");
	free(type);
	free(key);
	free(name);
	free(headers);
	return ok;
}

bool
pg_letter_bury(const RelayConfig *config, const StoredRow *row, const char *topic, const Error *why,
			   bool write, LetterFate *fate, Error *error)
{
	PgLink link = PG_LINK_CLOSED;
	char id[UUID_TEXT_SIZE];
	char place[PLACE_SIZE];
	bool waits = false;
	bool ok;

	uuid_format(row->id, id);
	*fate = LETTER_NONE;
	ok = pg_link_connect(&link, config->conninfo, false, error) &&
		 pg_command_session(&link, error) && look(&link, config->slot, id, place, &waits, error);
	if (ok && waits)
		*fate = LETTER_WAITS;
	else if (ok && write)
	{
		ok = write_letter(&link, config->slot, id, place, row, topic, why, error);
		if (ok)
			*fate = LETTER_WRITTEN;
	}
	pg_link_close(&link);
	return ok;
}
