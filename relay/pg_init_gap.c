/*
 * pg_init_gap.c
 *	  What an outbox-relay init that begins a generation takes over from the time before.
 *
 * Refuses nothing; the server may.
 *
 * Invariants: a snapshot of another server, or one that no server can have given, would see
 * what this one has still to write: in its place comes one that sees nothing, so that too much
 * is replayed and not too little.  Dead letters outlive registrations, and a relay goes on behind
 * the last one of its source id and generation: those that are there are of an earlier one.
 * Version 0.1.0 of the extension has room for neither.  Rows that are older than their retention
 * were kept because a relay had to publish them: the mark goes behind them now, and their retention
 * begins anew, so that outbox.maintain() leaves them to the replay; or the user is told who has to.
 */
#include "pg_init_gap.h"

#include "pg_command.h"

#include <libpq-fe.h>
#include <stdlib.h>

#define SQL_KEEP_ROWS                                                                              \
	"UPDATE outbox.partition SET closed_at = clock_timestamp() WHERE state = 'closed'"

static bool
keep_rows(PgLink *link, SayFn say, void *arg, Error *error)
{
	bool may;

	if (!pg_command_ask(link, "look at the right to keep rows",
						"SELECT pg_catalog.has_table_privilege('outbox.partition', 'SELECT')"
						"   AND pg_catalog.has_table_privilege('outbox.partition', 'UPDATE')",
						NULL, 0, &may, error))
		return false;
	if (may)
		return pg_command_only(link, "keep the rows of the gap", SQL_KEEP_ROWS, NULL, 0, error);
	say(true,
		"this role can't keep the rows of the gap: those older than their retention go when the "
		"relay starts. Before that, have the owner of the extension run: " SQL_KEEP_ROWS,
		arg);
	return true;
}

bool
pg_init_remember_gap(PgLink *link, const char *slot, const char *system_identifier, SayFn say,
					 void *arg, Error *error)
{
	const char *params[] = {slot, system_identifier};
	bool room;

	if (!keep_rows(link, say, arg, error))
		return false;
	if (!pg_command_ask(link, "look at the registration",
						"SELECT pg_catalog.jsonb_exists(pg_catalog.to_jsonb(r), 'gap_snapshot')"
						"  FROM outbox.relay r WHERE slot_name = $1",
						params, 1, &room, error))
		return false;
	return !room || pg_command_only(link, "remember the gap",
									"UPDATE outbox.relay SET gap_snapshot = CASE"
									" WHEN system_identifier = $2"
									"  AND pg_catalog.pg_snapshot_xmax(COALESCE("
									"       gap_snapshot, heartbeat_snapshot))"
									"   <= pg_catalog.pg_snapshot_xmax("
									"       pg_catalog.pg_current_snapshot())"
									" THEN COALESCE(gap_snapshot, heartbeat_snapshot)"
									" ELSE '1:1:' END "
									"WHERE slot_name = $1",
									params, 2, error);
}

bool
pg_init_skip_old_letters(PgLink *link, const RelayFacts *facts, const char *source_id,
						 uint32_t *generation, Error *error)
{
	const char *params[] = {source_id};
	PGresult *result;

	if (!facts->dead_letters_found)
		return true;
	result = pg_command(link, "look at the dead letters",
						"SELECT COALESCE(max(substring(position FROM '/([0-9]{1,9})[.]')::int4), 0)"
						"  FROM outbox.dead_letter"
						" WHERE pg_catalog.starts_with(position, $1 || '/')",
						params, 1, error);
	if (result == NULL)
		return false;
	if (*generation < (uint32_t) strtoul(PQgetvalue(result, 0, 0), NULL, 10))
		*generation = (uint32_t) strtoul(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return true;
}
