/*
 * pg_session.c
 *	  libpq, blocking, for statements that are not part of the load.
 *
 * pg_session_each() reads row by row, so the size of a table doesn't matter.
 */
#include "pg_session.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "exit_codes.h"

#define COLUMNS_MAX 8

struct PgSession
{
	PGconn *conn;
};

static bool
session_error(const PgSession *session, const PGresult *result, Error *error)
{
	const char *sqlstate = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *message =
		sqlstate != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;

	if (message == NULL)
		message = PQerrorMessage(session->conn);
	if (PQstatus(session->conn) == CONNECTION_OK && sqlstate != NULL)
		error_permanent(error, EXIT_SERVER, "%.*s", (int) strcspn(message, "\n"), message);
	else
		error_transient(error, "%.*s", (int) strcspn(message, "\n"), message);
	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate != NULL ? sqlstate : "");
	return false;
}

/* "NOTICE: ... already exists" and the like are nobody's concern. */
static void
ignore_notice(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}

PgSession *
pg_session_open(const char *conninfo, int64_t statement_timeout_usec, Error *error)
{
	PgSession *session = calloc(1, sizeof(*session));
	char options[64];
	const char *const keywords[] = {"dbname", "connect_timeout", "application_name", "options",
									NULL};
	const char *const values[] = {conninfo, "2", "outbox-compare", options, NULL};

	if (session == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	snprintf(options, sizeof(options), "-c statement_timeout=%lld",
			 (long long) (statement_timeout_usec / USEC_PER_MS));
	session->conn = PQconnectdbParams(keywords, values, 1);
	if (session->conn == NULL || PQstatus(session->conn) != CONNECTION_OK)
	{
		if (session->conn != NULL)
			session_error(session, NULL, error);
		else
			error_bug(error, "out of memory");
		pg_session_close(session);
		return NULL;
	}
	PQsetNoticeReceiver(session->conn, ignore_notice, NULL);
	return session;
}

void
pg_session_close(PgSession *session)
{
	if (session == NULL)
		return;
	PQfinish(session->conn);
	free(session);
}

static bool
succeeded(const PGresult *result)
{
	return PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;
}

bool
pg_session_run(PgSession *session, const char *sql, Error *error)
{
	PGresult *result = PQexec(session->conn, sql);
	bool done = succeeded(result);

	if (!done)
		session_error(session, result, error);
	PQclear(result);
	return done;
}

bool
pg_session_run_once(const char *conninfo, int64_t statement_timeout_usec, const char *sql,
					Error *error)
{
	PgSession *session = pg_session_open(conninfo, statement_timeout_usec, error);
	bool done = session != NULL && pg_session_run(session, sql, error);

	pg_session_close(session);
	return done;
}

bool
pg_session_text(PgSession *session, const char *sql, char *text, size_t size, Error *error)
{
	PGresult *result = PQexec(session->conn, sql);
	bool done = PQresultStatus(result) == PGRES_TUPLES_OK;

	if (!done)
		session_error(session, result, error);
	else if (PQntuples(result) < 1 || PQgetisnull(result, 0, 0))
		done = error_permanent(error, EXIT_SERVER, "the query had no answer: %s", sql);
	else
		snprintf(text, size, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return done;
}

bool
pg_session_number(PgSession *session, const char *sql, int64_t *number, Error *error)
{
	char text[32];

	if (!pg_session_text(session, sql, text, sizeof(text), error))
		return false;
	*number = strtoll(text, NULL, 10);
	return true;
}

static bool
visit_row(const PGresult *result, PgRowVisitor visit, void *arg, Error *error)
{
	const char *columns[COLUMNS_MAX];
	int count = PQnfields(result);

	if (count > COLUMNS_MAX)
		return error_bug(error, "more than %d columns", COLUMNS_MAX);
	for (int i = 0; i < count; i++)
		columns[i] = PQgetisnull(result, 0, i) ? NULL : PQgetvalue(result, 0, i);
	return visit(columns, arg, error);
}

bool
pg_session_each(PgSession *session, const char *sql, PgRowVisitor visit, void *arg, Error *error)
{
	PGresult *result;
	bool done = true;

	if (!PQsendQuery(session->conn, sql) || !PQsetSingleRowMode(session->conn))
		return session_error(session, NULL, error);
	while ((result = PQgetResult(session->conn)) != NULL)
	{
		if (done && PQresultStatus(result) == PGRES_SINGLE_TUPLE)
			done = visit_row(result, visit, arg, error);
		else if (done && !succeeded(result))
			done = session_error(session, result, error);
		PQclear(result);
	}
	return done;
}
