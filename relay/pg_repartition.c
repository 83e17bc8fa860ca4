/*
 * pg_repartition.c
 *	  The registration in the hands of outbox-relay repartition alone.
 *
 * Refuses to begin while a relay of the slot is connected: it would go on with the old map.
 * Refuses to commit when the registration, its mark or the slot isn't as it was left.
 *
 * Invariants: the lock is the session's, and the session commits; so at the commit nobody has
 * had the registration since the lock was taken.  A relay of a version before the lock is found
 * by its walsender; what it sends after the commit is of the old generation, and its mark is
 * refused.
 */
#include "pg_repartition.h"

#include "exit_codes.h"
#include "pg_command.h"
#include "pg_registry_sql.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_NOT_AVAILABLE "55P03"
#define SLOT_POLL_MS 50
#define SLOT_PATIENCE_USEC (10 * USEC_PER_SEC)

/* Not one of a relay's, so that outbox.status doesn't count it. */
#define SQL_QUIET                                                                                  \
	"SELECT pg_catalog.set_config(name, value, false)"                                             \
	"  FROM (VALUES ('search_path', 'pg_catalog'), ('lock_timeout', '10s'),"                       \
	"               ('statement_timeout', '30s'), ('idle_session_timeout', '0'),"                  \
	"               ('default_transaction_read_only', 'off'),"                                     \
	"               ('application_name', 'outbox-relay repartition')) AS v(name, value)"

#define SQL_TAKE_REGISTRATION "SELECT pg_catalog.pg_advisory_lock(" LOCK_REGISTRATION ")"

#define SQL_SLOT_PID                                                                               \
	"SELECT active_pid FROM pg_catalog.pg_replication_slots"                                       \
	" WHERE slot_name = $1 AND active_pid IS NOT NULL"

/* $2 generation as it was, $3 settings, $4 where the drain ended */
#define SQL_NEW_MAP                                                                                \
	"UPDATE outbox.relay SET generation = generation + 1, routing = $3"                            \
	" WHERE slot_name = $1 AND generation = $2::int4 AND state = 'ready'"                          \
	"   AND mark_lsn >= $4::pg_lsn"                                                                \
	"   AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s"                             \
	"                    WHERE s.slot_name = $1 AND s.active_pid IS NOT NULL)"

/* $2 topic, $3 partitions, $4 those that were recorded, $5 the new generation */
#define SQL_NEW_COUNT                                                                              \
	"UPDATE outbox.topic SET partitions = $3::int4, generation = $5::int4,"                        \
	"       recorded_at = clock_timestamp()"                                                       \
	" WHERE slot_name = $1 AND topic = $2 AND partitions = $4::int4"

struct PgRepartition
{
	PgLink link;
	const char *slot;
};

static bool
in_use(const char *slot, const char *pid, Error *error)
{
	error_clear(error);
	if (pid != NULL)
		error_permanent(error, EXIT_IN_USE,
						"a relay of the slot \"%s\" is running (process %s of the server)", slot,
						pid);
	else
		error_permanent(error, EXIT_IN_USE, "a relay of the slot \"%s\" is running or stands by",
						slot);
	return error_hint(error, "Stop every relay of this slot, and run repartition again. Nothing "
							 "was changed.");
}

/* The walsender of a relay that is gone takes a moment to end. */
static bool
wait_for_slot(PgRepartition *repartition, Error *error)
{
	MonoUsec give_up_at = clock_mono() + SLOT_PATIENCE_USEC;
	char pid[16] = "";

	for (;;)
	{
		PGresult *result = pg_command(&repartition->link, "look at the slot", SQL_SLOT_PID,
									  &repartition->slot, 1, error);
		bool active;

		if (result == NULL)
			return false;
		active = PQntuples(result) > 0;
		if (active)
			snprintf(pid, sizeof(pid), "%s", PQgetvalue(result, 0, 0));
		PQclear(result);
		if (!active)
			return true;
		if (clock_mono() >= give_up_at)
			return in_use(repartition->slot, pid, error);
		(void) poll(NULL, 0, SLOT_POLL_MS);
	}
}

static bool
take(PgRepartition *repartition, const char *conninfo, Error *error)
{
	if (!pg_link_connect(&repartition->link, conninfo, false, error) ||
		!pg_command_only(&repartition->link, "set up the session", SQL_QUIET, NULL, 0, error))
		return false;
	if (!pg_command_only(&repartition->link, "lock the registration", SQL_TAKE_REGISTRATION,
						 &repartition->slot, 1, error))
		return strcmp(error->sqlstate, LOCK_NOT_AVAILABLE) == 0
				   ? in_use(repartition->slot, NULL, error)
				   : false;
	return wait_for_slot(repartition, error);
}

PgRepartition *
pg_repartition_open(const RelayConfig *config, Error *error)
{
	PgRepartition *repartition = calloc(1, sizeof(*repartition));

	if (repartition == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	repartition->slot = config->slot;
	if (take(repartition, config->conninfo, error))
		return repartition;
	pg_repartition_close(repartition);
	return NULL;
}

void
pg_repartition_close(PgRepartition *repartition)
{
	if (repartition == NULL)
		return;
	pg_link_close(&repartition->link);
	free(repartition);
}

bool
pg_repartition_wal_end(PgRepartition *repartition, PgLsn *end, Error *error)
{
	PGresult *result = pg_command(&repartition->link, "look at the server's WAL",
								  "SELECT pg_catalog.pg_current_wal_flush_lsn()", NULL, 0, error);
	bool ok;

	if (result == NULL)
		return false;
	ok = lsn_parse(PQgetvalue(result, 0, 0), (size_t) PQgetlength(result, 0, 0), end);
	PQclear(result);
	return ok || error_bug(error, "unexpected answer about the server's WAL");
}

/* -------------------------------------------------------------------------
 * the new map
 * -------------------------------------------------------------------------
 */

/* One row must be changed. */
static bool
change_row(PgRepartition *repartition, const char *sql, const char *const *params, int count,
		   Error *error)
{
	PGresult *result =
		pg_command(&repartition->link, "change the routing map", sql, params, count, error);
	bool one;

	if (result == NULL)
		return false;
	one = strcmp(PQcmdTuples(result), "1") == 0;
	PQclear(result);
	if (one)
		return true;
	error_permanent(error, EXIT_IN_USE, "the registration of the slot \"%s\" was changed meanwhile",
					repartition->slot);
	return error_hint(error, "Run repartition again. Nothing was changed.");
}

static bool
change_settings(PgRepartition *repartition, const RepartitionPlan *plan, PgLsn drained,
				Error *error)
{
	char generation[16];
	char mark[LSN_TEXT_SIZE];
	char *routing = route_record_text(plan->wanted);
	const char *params[] = {repartition->slot, generation, routing, mark};
	bool ok;

	snprintf(generation, sizeof(generation), "%u", plan->generation);
	lsn_format(drained, mark);
	ok = routing != NULL ? change_row(repartition, SQL_NEW_MAP, params, 4, error)
						 : error_bug(error, "out of memory");
	free(routing);
	return ok;
}

static bool
change_count(PgRepartition *repartition, const RepartitionPlan *plan, const TopicPlan *topic,
			 Error *error)
{
	char wanted[16];
	char recorded[16];
	char generation[16];
	const char *params[] = {repartition->slot, topic->topic, wanted, recorded, generation};

	if (topic->wanted == topic->recorded)
		return true;
	snprintf(wanted, sizeof(wanted), "%u", topic->wanted);
	snprintf(recorded, sizeof(recorded), "%u", topic->recorded);
	snprintf(generation, sizeof(generation), "%u", plan->generation + 1);
	return change_row(repartition, SQL_NEW_COUNT, params, 5, error);
}

static bool
commit(PgRepartition *repartition, const RepartitionPlan *plan, PgLsn drained, Error *error)
{
	if (!pg_command_only(&repartition->link, "change the routing map", "BEGIN", NULL, 0, error) ||
		!change_settings(repartition, plan, drained, error))
		return false;
	for (uint32_t i = 0; i < plan->topic_count; i++)
	{
		if (!change_count(repartition, plan, &plan->topics[i], error))
			return false;
	}
	if (pg_command_only(&repartition->link, "commit the routing map", "COMMIT", NULL, 0, error))
		return true;
	return error_hint(error, "Run repartition again: it sees whether the map was changed.");
}

bool
pg_repartition_commit(PgRepartition *repartition, const RepartitionPlan *plan, PgLsn drained,
					  Error *error)
{
	return wait_for_slot(repartition, error) && commit(repartition, plan, drained, error);
}
