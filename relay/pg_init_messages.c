/*
 * pg_init_messages.c
 *	  outbox-relay init --wal-messages, --revoke-messages.
 *
 * Refuses to change the registration while a relay of the slot is connected, or while a
 * transaction that may have written messages stays open.
 *
 * Invariants: relays hold the registration's lock in shared mode as long as they are
 * connected (SQL_SHARE_REGISTRATION), and read it after they took it.  Writers of messages
 * hold a lock on outbox.relay until they end (extension/registration.c): when the table's
 * EXCLUSIVE lock was given, all of them have committed below the position that is recorded,
 * and the relay takes their messages still.
 */
#include "pg_init_messages.h"

#include "exit_codes.h"
#include "pg_command.h"
#include "pg_registry_sql.h"

#include <stdio.h>
#include <string.h>

#define LOCK_NOT_AVAILABLE "55P03"
#define LOCK_TIMEOUT "5s"
#define HOLDERS_SIZE 512

/* The signatures differ between major versions. */
#define SQL_REVOKE                                                                                 \
	"DO $$ DECLARE f text; BEGIN"                                                                  \
	"  FOR f IN SELECT p.oid::pg_catalog.regprocedure FROM pg_catalog.pg_proc p"                   \
	"           WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace"                      \
	"             AND p.proname = 'pg_logical_emit_message' LOOP"                                  \
	"    EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);"               \
	"  END LOOP; END $$"

#define SQL_MESSAGES_STATE                                                                         \
	"SELECT r.wal_messages, s.active_pid FROM outbox.relay r"                                      \
	"  LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = r.slot_name"                   \
	" WHERE r.slot_name = $1"

#define SQL_MESSAGES_ON                                                                            \
	"UPDATE outbox.relay SET wal_messages = true, wal_messages_until = NULL WHERE slot_name = $1"

#define SQL_MESSAGES_OFF                                                                           \
	"UPDATE outbox.relay SET wal_messages = false,"                                                \
	"       wal_messages_until = pg_catalog.pg_current_wal_insert_lsn() WHERE slot_name = $1"

/* Who holds the registration's lock. */
#define SQL_HOLDERS                                                                                \
	"SELECT pg_catalog.string_agg(pg_catalog.format('process %s%s%s', l.pid,"                      \
	"         ', ' || NULLIF(a.application_name, ''),"                                             \
	"         ', from ' || pg_catalog.host(a.client_addr)), '; ' ORDER BY l.pid)"                  \
	"  FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"        \
	" WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2"                              \
	"   AND l.database = (SELECT oid FROM pg_catalog.pg_database"                                  \
	"                      WHERE datname = pg_catalog.current_database())"                         \
	"   AND l.classid::int8 = (pg_catalog.hashtext('pg_outbox.relay')::int8 & 4294967295)"         \
	"   AND l.objid::int8 = (pg_catalog.hashtext($1)::int8 & 4294967295)"

static bool
relay_is_running(const char *slot, const char *holders, Error *error)
{
	error_clear(error);
	error_permanent(error, EXIT_SERVER, "a relay of the slot \"%s\" is running", slot);
	if (*holders != '\0')
		error_detail(error, "Connected to this database: %s.", holders);
	return error_hint(error, "Stop it, and those that stand by, before --wal-messages is changed: "
							 "it would go on as before.");
}

/* The relays, as text; "" when there are none. */
static bool
find_holders(PgLink *link, const char *slot, char holders[HOLDERS_SIZE], Error *error)
{
	PGresult *result = pg_command(link, "look for running relays", SQL_HOLDERS, &slot, 1, error);

	if (result == NULL)
		return false;
	snprintf(holders, HOLDERS_SIZE, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return true;
}

/* Waits for a moment, because a relay that was just stopped may not be gone yet. */
static bool
lock_registration(PgLink *link, const char *slot, SayFn say, void *arg, Error *error)
{
	char holders[HOLDERS_SIZE];

	if (!find_holders(link, slot, holders, error))
		return false;
	if (*holders != '\0')
		say_text(say, arg, false, "waiting up to " LOCK_TIMEOUT " for running relays to end: %s",
				 holders);
	if (!pg_command_only(link, "lock the registration", "BEGIN", NULL, 0, error) ||
		!pg_command_only(link, "lock the registration",
						 "SET LOCAL lock_timeout = '" LOCK_TIMEOUT "'", NULL, 0, error))
		return false;
	if (pg_command_only(link, "lock the registration", SQL_LOCK_REGISTRATION, &slot, 1, error))
		return true;
	if (strcmp(error->sqlstate, LOCK_NOT_AVAILABLE) == 0)
		return relay_is_running(slot, holders, error);
	return false;
}

static bool
lock_out_writers(PgLink *link, Error *error)
{
	if (pg_command_only(link, "wait for writers of messages",
						"LOCK TABLE outbox.relay IN EXCLUSIVE MODE", NULL, 0, error))
		return true;
	if (strcmp(error->sqlstate, LOCK_NOT_AVAILABLE) != 0)
		return false;
	error_clear(error);
	error_permanent(error, EXIT_SERVER,
					"transactions that may have written logical messages are still open");
	return error_hint(error, "Try again when they have ended: they hold a RowShareLock on "
							 "outbox.relay (pg_locks).");
}

/* *changed: the registration isn't what it was. */
static bool
change(PgLink *link, const char *slot, bool on, bool *changed, Error *error)
{
	PGresult *state =
		pg_command(link, "read the registration", SQL_MESSAGES_STATE, &slot, 1, error);
	bool is_on;
	bool in_use;

	*changed = false;
	if (state == NULL)
		return false;
	is_on = PQntuples(state) == 1 && pg_command_flag(state, 0);
	in_use = PQntuples(state) == 1 && !PQgetisnull(state, 0, 1);
	PQclear(state);
	if (is_on == on)
		return true;
	/* A relay of an older version holds no lock. */
	if (in_use)
		return relay_is_running(slot, "", error);
	if (!on && !lock_out_writers(link, error))
		return false;
	*changed = true;
	return pg_command_only(link, "change the registration", on ? SQL_MESSAGES_ON : SQL_MESSAGES_OFF,
						   &slot, 1, error);
}

static bool
switch_messages(PgLink *link, const char *slot, bool on, SayFn say, void *arg, Error *error)
{
	bool changed;
	Error ignored;

	if (!lock_registration(link, slot, say, arg, error) ||
		!change(link, slot, on, &changed, error) ||
		!pg_command_only(link, "change the registration", "COMMIT", NULL, 0, error))
	{
		error_clear(&ignored);
		(void) !pg_command_only(link, "give up", "ROLLBACK", NULL, 0, &ignored);
		return false;
	}
	if (!changed)
		say(false, on ? "logical messages are events already" : "logical messages are no events",
			arg);
	else
		say(false,
			on ? "logical messages are events from now on"
			   : "logical messages that are written from now on are no events",
			arg);
	return true;
}

static bool
everybody_may_write(PgLink *link, bool *may, Error *error)
{
	return pg_command_ask(link, "look at the right to write logical messages",
						  SQL_MESSAGES_ARE_PUBLIC, NULL, 0, may, error);
}

/* The server only warns of a REVOKE that did nothing. */
#define REVOKE_HINT                                                                                \
	"Run init as a superuser (add --postgres-conninfo), or have one do it: docs/sql.md, "          \
	"\"Privileges\"."

static bool
revoke(PgLink *link, SayFn say, void *arg, Error *error)
{
	bool may;

	if (!pg_command_only(link, "revoke the right to write logical messages", SQL_REVOKE, NULL, 0,
						 error))
		return strcmp(error->sqlstate, "42501") == 0 ? error_hint(error, REVOKE_HINT) : false;
	if (!everybody_may_write(link, &may, error))
		return false;
	if (!may)
	{
		say(false, "PUBLIC has no right to write logical messages in this database", arg);
		return true;
	}
	error_permanent(error, EXIT_PERMISSION,
					"could not revoke EXECUTE on pg_logical_emit_message() from PUBLIC");
	return error_hint(error, REVOKE_HINT);
}

static bool
warn_of_forgers(PgLink *link, const char *slot, SayFn say, void *arg, Error *error)
{
	bool on;
	bool may = false;

	if (!pg_command_ask(link, "read the registration", SQL_MESSAGES_STATE, &slot, 1, &on, error) ||
		(on && !everybody_may_write(link, &may, error)))
		return false;
	if (on && may)
		say(true,
			"every role of this database can forge events: PUBLIC has EXECUTE on "
			"pg_logical_emit_message(); init --revoke-messages takes it away",
			arg);
	return true;
}

bool
pg_init_messages(PgLink *link, const char *slot, const InitRequest *request, SayFn say, void *arg,
				 Error *error)
{
	if (request->wal_messages != WAL_MESSAGES_KEEP &&
		!switch_messages(link, slot, request->wal_messages == WAL_MESSAGES_ON, say, arg, error))
		return false;
	if (request->revoke_messages && !revoke(link, say, arg, error))
		return false;
	return warn_of_forgers(link, slot, say, arg, error);
}
