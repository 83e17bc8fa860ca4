/*
 * pg_audit.c
 *	  Queries over the application's tables.
 *
 * A row is visible from its transaction's commit on, which the target remembers
 * (track_commit_timestamp).
 */
#include "audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "pg_session.h"

#define STATEMENT_TIMEOUT_USEC (60 * USEC_PER_SEC)

static bool
visit_stored(const char *const *columns, void *arg, Error *error)
{
	(void) error;
	audit_stored(arg, columns[0]);
	return true;
}

static bool
visit_in_target(const char *const *columns, void *arg, Error *error)
{
	(void) error;
	audit_in_target(arg, columns[0], columns[1], strtoll(columns[2], NULL, 10),
					strtoll(columns[3], NULL, 10));
	return true;
}

static bool
visit_latest(const char *const *columns, void *arg, Error *error)
{
	(void) error;
	audit_latest(arg, columns[0], strtoll(columns[1], NULL, 10));
	return true;
}

/* The rows of a table that are the mode's; of the history only what came in this run. */
static bool
read_rows(PgSession *session, const char *columns, const char *table, bool history,
		  PgRowVisitor visit, const Audit *audit, Error *error)
{
	char since[CLOCK_TEXT_SIZE];
	char query[512];
	char when[128] = "";

	clock_format(audit->config->since, since);
	if (history)
		snprintf(when, sizeof(when), " AND stored_at >= '%s' ORDER BY n", since);
	snprintf(query, sizeof(query), "SELECT %s FROM %s WHERE mode = '%s'%s", columns, table,
			 mode_name(audit->mode), when);
	return pg_session_each(session, query, visit, (void *) audit, error);
}

bool
pg_audit_source(const Audit *audit, Error *error)
{
	PgSession *session =
		pg_session_open(audit->config->source_conninfo, STATEMENT_TIMEOUT_USEC, error);
	bool done = session != NULL && read_rows(session, "request_id", "location_history", true,
											 visit_stored, audit, error);

	pg_session_close(session);
	return done;
}

bool
pg_audit_target(const Audit *audit, Error *error)
{
	PgSession *session =
		pg_session_open(audit->config->target_conninfo, STATEMENT_TIMEOUT_USEC, error);
	/* Of the same moment: a commit between them would look like a driver that is out of order. */
	bool done = session != NULL &&
				pg_session_run(session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error) &&
				read_rows(session,
						  "request_id, driver_id, version,"
						  " (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint",
						  "location_history", true, visit_in_target, audit, error) &&
				read_rows(session, "driver_id, version", "driver_location", false, visit_latest,
						  audit, error);

	pg_session_close(session);
	return done;
}
