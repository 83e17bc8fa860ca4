/*
 * pg_teardown.c
 *	  outbox-relay teardown: slot, publication, registration.
 *
 *	1 registration	state "creating", committed: no relay starts any more
 *	2 slot			dropped
 *	3 publication	dropped, unless another relay or another table needs it
 *	4 registration	deleted, and with it the routing map
 *
 * Refuses to do anything without being told twice (--yes); a slot that is in use, or
 * has events that aren't published, unless forced; a slot of another database or
 * plugin; a user that could not do all of it.  Works without the extension, too: then
 * there is no registration.
 *
 * Invariants: the registration is there for as long as anything that it names, so
 * a run that broke off is found and finished by the next one (or by init, which
 * makes the slot anew).  Dead letters stay.
 */
#include "pg_teardown.h"

#include "exit_codes.h"
#include "pg_command.h"
#include "pg_left.h"
#include "pg_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 64

/* A relay that has the slot back before it is dropped is ended again; it doesn't come twice. */
#define ATTEMPTS 5

typedef struct Teardown
{
	const RelayConfig *config;
	const TeardownRequest *request;
	SayFn say;
	void *arg;
	PgLink link;
	bool registered;
	bool slot_found;
	bool publication_found;
	bool publication_shared; /* it stays */
	char publication[NAME_SIZE];
	char slot_pid[16]; /* empty: nobody reads it */
} Teardown;

/* $1: the slot.  No row: no registration. */
#define SQL_REGISTRATION                                                                           \
	"SELECT r.publication, r.source_id, r.state,"                                                  \
	"       pg_catalog.has_table_privilege('outbox.relay', 'UPDATE')"                              \
	"         AND pg_catalog.has_table_privilege('outbox.relay', 'DELETE')"                        \
	"  FROM outbox.relay r WHERE r.slot_name = $1"

/* $1: the slot. */
#define SQL_SLOT                                                                                   \
	"SELECT s.database IS NOT DISTINCT FROM pg_catalog.current_database(),"                        \
	"       s.plugin IS NOT DISTINCT FROM 'pgoutput', s.active_pid,"                               \
	"       pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff("                                 \
	"         pg_catalog.pg_current_wal_lsn(), s.confirmed_flush_lsn))"                            \
	"  FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1"

/* $1: the publication.  Second column: has it more than outbox.event? */
#define SQL_PUBLICATION                                                                            \
	"SELECT pg_catalog.pg_has_role(p.pubowner, 'USAGE'),"                                          \
	"       p.puballtables"                                                                        \
	"         OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel t WHERE t.prpubid = p.oid"      \
	"                      AND t.prrelid IS DISTINCT FROM to_regclass('outbox.event'))"            \
	"         OR EXISTS (SELECT FROM pg_catalog.pg_publication_namespace n"                        \
	"                     WHERE n.pnpubid = p.oid)"                                                \
	"  FROM pg_catalog.pg_publication p WHERE p.pubname = $1"

/* -------------------------------------------------------------------------
 * what is there
 * -------------------------------------------------------------------------
 */

static bool
look_at_registration(Teardown *teardown, Error *error)
{
	const char *params[] = {teardown->config->slot};
	PGresult *result;
	bool extension;
	bool allowed;

	snprintf(teardown->publication, sizeof(teardown->publication), "%s",
			 teardown->config->publication);
	if (!pg_command_ask(&teardown->link, "look for the extension",
						"SELECT pg_catalog.to_regclass('outbox.relay') IS NOT NULL", NULL, 0,
						&extension, error))
		return false;
	if (!extension)
	{
		say_text(teardown->say, teardown->arg, false,
				 "the extension \"pg_outbox\" isn't in this database: no registration");
		return true;
	}
	result = pg_command(&teardown->link, "look for the registration", SQL_REGISTRATION, params, 1,
						error);
	if (result == NULL)
		return false;
	teardown->registered = PQntuples(result) == 1;
	allowed = !teardown->registered || pg_command_flag(result, 3);
	if (teardown->registered)
	{
		snprintf(teardown->publication, sizeof(teardown->publication), "%s",
				 PQgetvalue(result, 0, 0));
		say_text(teardown->say, teardown->arg, false,
				 "there is a registration of the slot \"%s\", with the source id \"%s\"",
				 teardown->config->slot, PQgetvalue(result, 0, 1));
	}
	PQclear(result);
	if (!allowed)
	{
		error_permanent(error, EXIT_PERMISSION, "UPDATE and DELETE on outbox.relay are needed");
		return error_hint(error,
						  "Run teardown as a superuser or as the owner of outbox.event, who has "
						  "the publication as well: add --postgres-conninfo with that role.");
	}
	if (teardown->registered)
	{
		const char *both[] = {teardown->config->slot, teardown->publication};

		return pg_command_ask(&teardown->link, "look for other relays",
							  "SELECT EXISTS (SELECT FROM outbox.relay"
							  "                WHERE slot_name <> $1 AND publication = $2)",
							  both, 2, &teardown->publication_shared, error);
	}
	return true;
}

static bool
look_at_slot(Teardown *teardown, Error *error)
{
	const char *slot = teardown->config->slot;
	PGresult *result = pg_command(&teardown->link, "look for the slot", SQL_SLOT, &slot, 1, error);
	bool here = true;
	bool ours = true;

	if (result == NULL)
		return false;
	teardown->slot_found = PQntuples(result) == 1;
	if (teardown->slot_found)
	{
		here = pg_command_flag(result, 0);
		ours = pg_command_flag(result, 1);
		snprintf(teardown->slot_pid, sizeof(teardown->slot_pid), "%s", PQgetvalue(result, 0, 2));
		if (here && ours)
			say_text(teardown->say, teardown->arg, false,
					 "there is the slot \"%s\", with %s of WAL that it hasn't confirmed", slot,
					 PQgetvalue(result, 0, 3));
	}
	PQclear(result);
	if (here && ours)
		return true;
	/* The registration of a copied database names the slot of the original. */
	if (!here)
	{
		say_text(teardown->say, teardown->arg, true,
				 "the slot \"%s\" belongs to another database, and stays", slot);
		teardown->slot_found = false;
		return true;
	}
	return error_permanent(error, EXIT_CONFIG, "the replication slot \"%s\" isn't a pgoutput slot",
						   slot);
}

static bool
look_at_publication(Teardown *teardown, Error *error)
{
	const char *name = teardown->publication;
	PGresult *result =
		pg_command(&teardown->link, "look for the publication", SQL_PUBLICATION, &name, 1, error);
	bool owner;

	if (result == NULL)
		return false;
	teardown->publication_found = PQntuples(result) == 1;
	owner = !teardown->publication_found || pg_command_flag(result, 0);
	if (teardown->publication_found && pg_command_flag(result, 1))
		teardown->publication_shared = true;
	PQclear(result);
	if (teardown->publication_found)
		say_text(teardown->say, teardown->arg, false, "there is the publication \"%s\"%s", name,
				 teardown->publication_shared ? ", which others need" : "");
	if (owner || teardown->publication_shared)
		return true;
	error_permanent(error, EXIT_PERMISSION, "the publication \"%s\" isn't yours to drop", name);
	return error_hint(error, "Run it as its owner, or as a superuser.");
}

/* -------------------------------------------------------------------------
 * away with it
 * -------------------------------------------------------------------------
 */

static bool
check_request(Teardown *teardown, Error *error)
{
	if (!teardown->request->yes)
	{
		error_permanent(error, EXIT_CONFIG, "nothing was removed: say so with --yes");
		error_detail(error, "Events that aren't published yet will not be.");
		return error_hint(error, "To lose none, stop the writers and let the relay run until "
								 "outbox-relay peek shows nothing; then stop it.");
	}
	if (teardown->slot_found && teardown->slot_pid[0] != '\0' && !teardown->request->force)
	{
		error_permanent(error, EXIT_SERVER, "the replication slot \"%s\" is in use by process %s",
						teardown->config->slot, teardown->slot_pid);
		return error_hint(error, "Stop the relay, or pass --force to have it cut off, whatever "
								 "it hasn't published.");
	}
	return true;
}

static void
describe_left(const PgLeft *left, char *text, size_t size)
{
	int used = 0;

	if (left->rows > 0)
		used =
			snprintf(text, size, "%llu %s from before the slot%s", (unsigned long long) left->rows,
					 left->rows == 1 ? "row" : "rows", left->events > 0 ? " and " : "");
	if (left->events > 0)
		snprintf(text + used, size - (size_t) used, "%llu %s%s", (unsigned long long) left->events,
				 left->events == 1 ? "event" : "events", left->more ? " or more" : "");
}

/* Of a slot without a registration nobody could publish anything. */
static bool
check_left(Teardown *teardown, Error *error)
{
	const char *slot = teardown->config->slot;
	char what[96];
	PgLeft left;

	if (!teardown->registered || !teardown->slot_found || teardown->request->force)
		return true;
	if (!pg_left_look(&teardown->link, slot, &left, error))
	{
		/* query_canceled: it took too long */
		if (strcmp(error->sqlstate, "57014") == 0)
			error_permanent(error, EXIT_SERVER, "could not read in %d seconds what the slot has",
							PG_LEFT_SECONDS);
		error_detail(error, "Whether all events are published isn't known, and nothing was "
							"removed.");
		return error_hint(error, "To give up what isn't, pass --force.");
	}
	if (left.rows == 0 && left.events == 0)
	{
		say_text(teardown->say, teardown->arg, false, "nothing is left to be published");
		return true;
	}
	describe_left(&left, what, sizeof(what));
	error_permanent(error, EXIT_SERVER,
					"nothing was removed: not published by the relay of the slot \"%s\": %s", slot,
					what);
	return error_hint(error, "To publish them, run outbox-relay run until outbox-relay peek shows "
							 "nothing; to give them up, pass --force.");
}

/* By force, and the relay is gone: what is given up is said.  That it can't be known stops nobody. */
static void
report_left(Teardown *teardown)
{
	char what[96];
	PgLeft left;
	Error error;

	error_clear(&error);
	if (!teardown->registered || !teardown->request->force)
		return;
	if (!pg_left_look(&teardown->link, teardown->config->slot, &left, &error))
		say_text(teardown->say, teardown->arg, true,
				 "whether all events were published isn't known: %s", error.message);
	else if (left.rows > 0 || left.events > 0)
	{
		describe_left(&left, what, sizeof(what));
		say_text(teardown->say, teardown->arg, true, "%s not published: given up", what);
	}
}

static bool
block_registration(Teardown *teardown, Error *error)
{
	const char *slot = teardown->config->slot;

	return !teardown->registered ||
		   pg_command_only(&teardown->link, "block the registration",
						   "UPDATE outbox.relay SET state = 'creating' WHERE slot_name = $1", &slot,
						   1, error);
}

static bool
drop_slot(Teardown *teardown, Error *error)
{
	const char *slot = teardown->config->slot;
	const char *drop = "SELECT pg_catalog.pg_drop_replication_slot(slot_name)"
					   "  FROM pg_catalog.pg_replication_slots"
					   " WHERE slot_name = $1 AND database = pg_catalog.current_database()";
	bool dropped = !teardown->slot_found;

	for (int attempt = 1; !dropped; attempt++)
	{
		if (teardown->request->force &&
			!pg_command_only(&teardown->link, "end the relay's connection",
							 "SELECT pg_catalog.pg_terminate_backend(active_pid, 10000)"
							 "  FROM pg_catalog.pg_replication_slots"
							 " WHERE slot_name = $1 AND active_pid IS NOT NULL",
							 &slot, 1, error))
			return false;
		if (attempt == 1)
			report_left(teardown);
		dropped = pg_command_only(&teardown->link, "drop the slot", drop, &slot, 1, error);
		/* object_in_use */
		if (!dropped && (!teardown->request->force || attempt == ATTEMPTS ||
						 strcmp(error->sqlstate, "55006") != 0))
			return false;
		if (dropped)
			say_text(teardown->say, teardown->arg, false, "dropped the slot \"%s\"", slot);
	}
	error_clear(error);
	return true;
}

static bool
drop_publication(Teardown *teardown, Error *error)
{
	const char *name = teardown->publication;
	char sql[2 * NAME_SIZE + 64];
	char *quoted;
	bool ok;

	if (!teardown->publication_found)
		return true;
	if (teardown->publication_shared)
	{
		say_text(teardown->say, teardown->arg, true, "the publication \"%s\" stays", name);
		return true;
	}
	quoted = PQescapeIdentifier(teardown->link.conn, name, strlen(name));
	if (quoted == NULL)
		return error_bug(error, "could not quote the publication's name");
	snprintf(sql, sizeof(sql), "DROP PUBLICATION IF EXISTS %s", quoted);
	PQfreemem(quoted);
	ok = pg_command_only(&teardown->link, "drop the publication", sql, NULL, 0, error);
	if (ok)
		say_text(teardown->say, teardown->arg, false, "dropped the publication \"%s\"", name);
	return ok;
}

static bool
delete_registration(Teardown *teardown, Error *error)
{
	const char *slot = teardown->config->slot;

	if (!teardown->registered)
		return true;
	if (!pg_command_only(&teardown->link, "delete the registration",
						 "DELETE FROM outbox.relay WHERE slot_name = $1", &slot, 1, error))
		return false;
	say_text(teardown->say, teardown->arg, false, "deleted the registration of the slot \"%s\"",
			 slot);
	return true;
}

static bool
teardown_database(Teardown *teardown, Error *error)
{
	if (!pg_link_connect(&teardown->link, teardown->config->conninfo, false, error) ||
		!pg_command_session(&teardown->link, error) || !look_at_registration(teardown, error) ||
		!look_at_slot(teardown, error) || !look_at_publication(teardown, error))
		return false;
	if (!teardown->registered && !teardown->slot_found &&
		(!teardown->publication_found || teardown->publication_shared))
	{
		say_text(teardown->say, teardown->arg, false, "there is nothing to remove");
		return true;
	}
	return check_request(teardown, error) && check_left(teardown, error) &&
		   block_registration(teardown, error) && drop_slot(teardown, error) &&
		   drop_publication(teardown, error) && delete_registration(teardown, error);
}

bool
pg_teardown_run(const RelayConfig *config, const TeardownRequest *request, SayFn say, void *arg,
				Error *error)
{
	Teardown teardown = {.config = config, .request = request, .say = say, .arg = arg};
	bool ok = teardown_database(&teardown, error);

	pg_link_close(&teardown.link);
	return ok;
}
