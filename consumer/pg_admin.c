/*
 * pg_admin.c
 *	  init and check.  Blocking calls are in order here: nobody else waits.
 */
#include "pg_admin.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "exit_codes.h"
#include "pg_dial.h"
#include "pg_failure.h"
#include "pg_handler.h"

static const char inbox_sql[] =
#include "outbox_inbox_sql.h"
	;

static const char inbox_sql_2[] =
#include "outbox_inbox--1--2_sql.h"
	;

#define INBOX_LAYOUT 2

/* The data, or a state of the server that somebody has to change: it would be so the next time. */
static bool
stays(const TargetFailure *failure)
{
	return failure->failure == FAILURE_DATA || strcmp(failure->error.sqlstate, "53400") == 0 ||
		   strcmp(failure->error.sqlstate, "55000") == 0;
}

bool
pg_admin_error(const TargetFailure *failure, Error *error)
{
	*error = failure->error;
	if (error->error_class == ERROR_CLASS_TRANSIENT && stays(failure))
	{
		error->error_class = ERROR_CLASS_PERMANENT;
		error->exit_code = EXIT_SERVER;
	}
	return false;
}

/* Without blocking, because only so a refusal comes with its SQLSTATE. */
PGconn *
pg_admin_connect(const char *conninfo, int64_t timeout_usec, Error *error)
{
	TargetFailure failure;
	PgDial dial;
	PgDialState state = PG_DIAL_FAILED;

	if (pg_dial_start(&dial, conninfo, timeout_usec, clock_mono(), &failure))
	{
		while ((state = pg_dial_poll(&dial, clock_mono(), &failure)) == PG_DIAL_WAITS)
		{
			struct pollfd ready = {PQsocket(dial.conn), dial.wants, 0};
			MonoUsec now = clock_mono();

			if (dial.deadline > now)
				(void) poll(&ready, 1, (int) ((dial.deadline - now) / USEC_PER_MS) + 1);
		}
	}
	if (state == PG_DIAL_CONNECTED)
		return pg_dial_take(&dial);
	pg_admin_error(&failure, error);
	return NULL;
}

static bool
run(PGconn *conn, const char *sql, const char *doing, Error *error)
{
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);
	TargetFailure failure;
	bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	if (!ok)
	{
		pg_failure_result(&failure, result, doing);
		pg_admin_error(&failure, error);
		if (strcmp(error->sqlstate, "42501") == 0)
		{
			error->exit_code = EXIT_PERMISSION;
			error_hint(
				error,
				"\"init\" needs a role that may create a schema in the target (GRANT CREATE ON "
				"DATABASE \"%s\" TO \"%s\"), or that owns outbox_inbox; --target-conninfo names "
				"one for it alone.",
				PQdb(conn), PQuser(conn));
		}
	}
	PQclear(result);
	return ok;
}

/* The layout that is there; 0: there is none; -1: the error is filled. */
static int
inbox_layout(PGconn *conn, Error *error)
{
	PGresult *result = PQexec(conn, "SELECT outbox_inbox.version()");
	TargetFailure failure;
	int layout = -1;

	if (PQresultStatus(result) == PGRES_TUPLES_OK)
	{
		layout = (int) strtol(PQgetvalue(result, 0, 0), NULL, 10);
		if (layout < 1 || layout > INBOX_LAYOUT)
		{
			error_permanent(error, EXIT_NOT_INITIALIZED,
							"outbox_inbox in the target is of layout %d, this program of %d",
							layout, INBOX_LAYOUT);
			layout = -1;
		}
	}
	else
	{
		pg_failure_inbox(&failure, result, "look for outbox_inbox");
		pg_admin_error(&failure, error);
		/* No such schema, no such function. */
		if (strcmp(error->sqlstate, "3F000") == 0 || strcmp(error->sqlstate, "42883") == 0)
			layout = 0;
	}
	PQclear(result);
	return layout;
}

bool
pg_admin_init(const char *conninfo, int64_t timeout_usec, FILE *out, Error *error)
{
	PGconn *conn = pg_admin_connect(conninfo, timeout_usec, error);
	int layout;
	int found;
	bool ok;

	if (conn == NULL)
		return false;
	found = layout = inbox_layout(conn, error);
	ok = layout >= 0;
	if (layout == 0)
	{
		error_clear(error);
		ok = run(conn, inbox_sql, "create outbox_inbox", error);
		layout = 1;
	}
	if (ok && layout == 1)
		ok = run(conn, inbox_sql_2, "bring outbox_inbox to layout 2", error);
	if (ok && found == 0)
		fprintf(out, "outbox_inbox was created in database \"%s\"\n", PQdb(conn));
	else if (ok && found < INBOX_LAYOUT)
		fprintf(out, "outbox_inbox in database \"%s\" was brought from layout %d to %d\n",
				PQdb(conn), found, INBOX_LAYOUT);
	else if (ok)
		fprintf(out, "outbox_inbox is in database \"%s\" already\n", PQdb(conn));
	PQfinish(conn);
	return ok;
}

/* Nothing is executed, but whether the role may is found out, which PREPARE leaves to later. */
static PGresult *
explain(PGconn *conn, int index, int param_count)
{
	char sql[64 + HANDLER_PARAMS_MAX * 5];
	char name[PG_HANDLER_NAME_SIZE];
	size_t len;

	pg_handler_name(name, index);
	len = (size_t) snprintf(sql, sizeof(sql), "EXPLAIN EXECUTE %s", name);
	for (int i = 0; i < param_count; i++)
		len += (size_t) snprintf(sql + len, sizeof(sql) - len, "%s", i == 0 ? "(NULL" : ",NULL");
	snprintf(sql + len, sizeof(sql) - len, "%s", param_count > 0 ? ")" : "");
	return PQexec(conn, sql);
}

static bool
check_handler(PGconn *conn, const Handler *handler, int index, FILE *out, Error *error)
{
	TargetFailure failure;
	PGresult *result = pg_handler_prepare(conn, handler, index);
	bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (ok)
	{
		PQclear(result);
		result = explain(conn, index, handler->param_count);
		ok = PQresultStatus(result) == PGRES_TUPLES_OK;
	}
	if (ok)
		fprintf(out, "handler \"%s\" of topic \"%s\": ok\n", handler->name, handler->topic);
	else
	{
		pg_failure_handler(&failure, result, handler);
		pg_admin_error(&failure, error);
		fprintf(out, "handler \"%s\" of topic \"%s\": %s\n", handler->name, handler->topic,
				error->message);
		if (error->hint[0] != '\0')
			fprintf(out, "  hint: %s\n", error->hint);
	}
	PQclear(result);
	return ok;
}

/* What the role lacks in outbox_inbox, as statements that give it; NULL: nothing.  $1: with dead letters. */
static const char rights_sql[] =
	"SELECT pg_catalog.string_agg(pg_catalog.format('GRANT %s ON %s TO %I', r.rights, r.object,"
	" current_user), '; ' ORDER BY r.place)"
	" FROM (SELECT 1, 'SELECT, INSERT, UPDATE', 'outbox_inbox.' || t.name,"
	"  (SELECT bool_and(pg_catalog.has_table_privilege('outbox_inbox.' || t.name, p.one))"
	"  FROM (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) AS p (one))"
	"  FROM (VALUES ('progress'), ('position'), ('dead_letter')) AS t (name)"
	"  WHERE t.name <> 'dead_letter' OR $1::bool"
	" UNION ALL"
	" SELECT 2, 'EXECUTE', 'ALL FUNCTIONS IN SCHEMA outbox_inbox',"
	"  bool_and(pg_catalog.has_function_privilege(f.oid, 'EXECUTE'))"
	"  FROM pg_catalog.pg_proc AS f"
	" WHERE f.pronamespace OPERATOR(pg_catalog.=) 'outbox_inbox'::pg_catalog.regnamespace"
	" ) AS r (place, rights, object, there) WHERE NOT r.there";

static bool
check_rights(PGconn *conn, const Handlers *handlers, Error *error)
{
	const char *value = handlers->dead_letters ? "t" : "f";
	PGresult *result = PQexecParams(conn, rights_sql, 1, NULL, &value, NULL, NULL, 0);
	TargetFailure failure;
	bool found = PQresultStatus(result) == PGRES_TUPLES_OK;
	bool ok = found && PQgetisnull(result, 0, 0);

	if (!found)
	{
		pg_failure_inbox(&failure, result, "look for rights to outbox_inbox");
		pg_admin_error(&failure, error);
	}
	else if (!ok)
	{
		error_permanent(error, EXIT_PERMISSION,
						"permission denied: role \"%s\" lacks rights to outbox_inbox",
						PQuser(conn));
		error_hint(error, "%s.", PQgetvalue(result, 0, 0));
	}
	PQclear(result);
	return ok;
}

bool
pg_admin_check(const char *conninfo, int64_t timeout_usec, const Handlers *handlers, FILE *out,
			   Error *error)
{
	PGconn *conn = pg_admin_connect(conninfo, timeout_usec, error);
	int failed = 0;
	int layout;
	Error rights;

	if (conn == NULL)
		return false;
	layout = inbox_layout(conn, error);
	error_clear(&rights);
	/* The right to ask for the layout is one of those that are told together. */
	if (layout < 0 && strcmp(error->sqlstate, "42501") == 0 &&
		!check_rights(conn, handlers, &rights) && rights.sqlstate[0] == '\0')
		*error = rights;
	if (layout > 0 && layout < INBOX_LAYOUT)
	{
		error_permanent(error, EXIT_NOT_INITIALIZED,
						"outbox_inbox in the target is of layout %d, this program of %d", layout,
						INBOX_LAYOUT);
		error_hint(error, "Stop all consumers of this target and run \"outbox-consumer init\".");
	}
	if (layout < INBOX_LAYOUT || !check_rights(conn, handlers, error))
	{
		PQfinish(conn);
		return false;
	}
	/* Outside of a transaction an error in one handler doesn't hide the next. */
	for (int i = 0; i < handlers->count; i++)
	{
		if (!check_handler(conn, &handlers->items[i], i, out, error))
			failed++;
	}
	PQfinish(conn);
	fflush(out);
	if (failed == 0)
		return true;
	/* Each was told above. */
	return error_permanent(error, error->exit_code, "%d of %d handlers can't be prepared", failed,
						   handlers->count);
}
