/*
 * pg_status.c
 *	  outbox-relay status: reads outbox.status.
 *
 * Refuses a slot that isn't registered.  Works on a standby as well, as the view does.
 */
#include "pg_status.h"

#include "exit_codes.h"
#include "pg_command.h"
#include "pg_facts.h"

#include <stdlib.h>
#include <string.h>

/* The view counts sessions by their application_name, and this one is no relay. */
#define SQL_STATUS                                                                                 \
	"SELECT s.* FROM outbox.status AS s,"                                                          \
	"  (SELECT pg_catalog.set_config('application_name', 'outbox-relay status', false)) AS quiet"  \
	" WHERE s.slot_name = $1"

#define COPY(field, column) snprintf((field), sizeof(field), "%s", pg_command_text(result, column))

static void
read_row(SlotStatus *status, const PGresult *result)
{
	*status = (SlotStatus){
		.generation = (uint32_t) pg_command_number(result, "generation"),
		.active_pid = (int) pg_command_number(result, "active_pid"),
		.standby_relays = (int) pg_command_number(result, "standby_relays"),
		.retained_bytes = pg_command_number(result, "retained_bytes"),
		.safe_wal_known = *pg_command_text(result, "safe_wal_size") != '\0',
		.safe_wal_size = pg_command_number(result, "safe_wal_size"),
		.lag_bytes = pg_command_number(result, "lag_bytes"),
		.lag_seconds = strtod(pg_command_text(result, "lag_seconds"), NULL),
		.dead_letters = pg_command_number(result, "dead_letters"),
		.gap_open = *pg_command_text(result, "gap_open") == 't',
	};
	COPY(status->slot, "slot_name");
	COPY(status->source_id, "source_id");
	COPY(status->registration, "state");
	COPY(status->slot_state, "slot_state");
	COPY(status->wal_status, "wal_status");
	COPY(status->invalidation_reason, "invalidation_reason");
	COPY(status->confirmed_lsn, "confirmed_flush_lsn");
	COPY(status->mark_lsn, "mark_lsn");
	COPY(status->mark_at, "mark_at");
	COPY(status->last_position, "last_position");
	COPY(status->failover_problem, "failover_problem");
}

/* How the settings of this command stand to those that are recorded. */
static bool
compare_routing(const RelayConfig *config, const PGresult *result, SlotStatus *status, Error *error)
{
	int column = PQfnumber(result, "routing");
	RouteRecord recorded;
	Error difference;

	status->routing[0] = '\0';
	if (column < 0)
		return true;
	error_clear(&difference);
	if (!route_record_parse(&recorded,
							PQgetisnull(result, 0, column) ? NULL : PQgetvalue(result, 0, column),
							error))
		return false;
	if (!route_record_is_set(&recorded))
		snprintf(status->routing, sizeof(status->routing), "not recorded yet");
	else if (pg_facts_check_routing(config, &recorded, &difference))
		snprintf(status->routing, sizeof(status->routing), "as recorded");
	else
		snprintf(status->routing, sizeof(status->routing), "not as recorded: %s",
				 difference.detail);
	route_record_free(&recorded);
	return true;
}

static bool
explain(Error *error)
{
	if (error->exit_code == EXIT_PERMISSION)
		return error_hint(error,
						  "docs/sql.md, \"Privileges\", has the GRANT block for monitoring.");
	if (error->exit_code == EXIT_NOT_INITIALIZED)
		return error_hint(error, "CREATE EXTENSION pg_outbox, or ALTER EXTENSION pg_outbox UPDATE: "
								 "version 0.1.0 has no outbox.status.");
	return false;
}

bool
pg_status_read(const RelayConfig *config, SlotStatus *status, Error *error)
{
	PgLink link = PG_LINK_CLOSED;
	PGresult *result = NULL;
	bool ok = false;

	if (!pg_link_connect(&link, config->conninfo, false, error))
		return false;
	result = pg_command(&link, "read outbox.status", SQL_STATUS, &config->slot, 1, error);
	if (result == NULL)
		(void) explain(error);
	else if (PQntuples(result) == 0)
	{
		error_permanent(error, EXIT_NOT_INITIALIZED, "no relay is registered for the slot \"%s\"",
						config->slot);
		error_hint(error, "Run outbox-relay init.");
	}
	else
	{
		read_row(status, result);
		ok = compare_routing(config, result, status, error);
	}
	PQclear(result);
	pg_link_close(&link);
	return ok;
}
