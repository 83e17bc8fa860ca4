/*
 * pg_failure.c
 *	  From SQLSTATEs to failures, and to the exit status of those that end us.
 */
#include "pg_failure.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "exit_codes.h"
#include "pg_refusal.h"

#define TEXT_MAX 400

static void
fill(TargetFailure *failure, const char *sqlstate, int exit_code, const char *doing,
	 const char *reason)
{
	memset(failure, 0, sizeof(*failure));
	failure->handler = -1;
	failure->failure = sqlstate_class(sqlstate);
	failure->timed_out = strcmp(sqlstate, "57014") == 0;
	if (failure->failure == FAILURE_CONFIGURATION)
		error_permanent(&failure->error, exit_code, "could not %s: %s", doing, reason);
	else
		error_transient(&failure->error, "could not %s: %s", doing, reason);
	snprintf(failure->error.sqlstate, sizeof(failure->error.sqlstate), "%s", sqlstate);
}

/* The first line, without the white space at its ends. */
static void
first_line(const char *message, char *out, size_t size)
{
	size_t len = strcspn(message, "\n");

	snprintf(out, size, "%.*s", (int) len, message);
}

/*
 * ALTER TABLE changed what a prepared statement returns.  The server prepares it no more in this
 * session, and says so with a code of the configuration (0A000); this name isn't translated.
 */
static bool
is_outdated(const PGresult *result)
{
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	return function != NULL && strcmp(function, "RevalidateCachedQuery") == 0;
}

static void
fill_result(TargetFailure *failure, const PGresult *result, int exit_code, const char *doing)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	char text[TEXT_MAX];

	/* As where it forgot what was prepared. */
	if (is_outdated(result))
		sqlstate = SQLSTATE_UNPREPARED;
	if (message == NULL)
	{
		first_line(PQresultErrorMessage(result), text, sizeof(text));
		if (text[0] == '\0')
			snprintf(text, sizeof(text), "unexpected answer %s",
					 PQresStatus(PQresultStatus(result)));
	}
	else
		sqlstate_message(sqlstate != NULL ? sqlstate : "", message, text, sizeof(text));
	fill(failure, sqlstate != NULL ? sqlstate : "", exit_code, doing, text);
	if (hint != NULL)
		error_hint(&failure->error, "%s", hint);
}

void
pg_failure_result(TargetFailure *failure, const PGresult *result, const char *doing)
{
	fill_result(failure, result, EXIT_HANDLER, doing);
}

/* Schema, table, column, function, type. */
static bool
is_missing(const char *sqlstate)
{
	static const char *const codes[] = {"3F000", "42P01", "42703", "42883", "42704"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
	{
		if (strcmp(sqlstate, codes[i]) == 0)
			return true;
	}
	return false;
}

void
pg_failure_handler(TargetFailure *failure, const PGresult *result, const Handler *handler)
{
	const char *at = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
	char doing[300];
	unsigned long sql_char = 0;
	int line;
	int column;

	if (at != NULL && sscanf(at, "%lu", &sql_char) == 1 &&
		handler_locate(handler, sql_char, &line, &column))
		snprintf(doing, sizeof(doing), "run handler \"%.200s\" (line %d, column %d of its sql)",
				 handler->name, line, column);
	else
		snprintf(doing, sizeof(doing), "run handler \"%.200s\"", handler->name);
	fill_result(failure, result, EXIT_HANDLER, doing);
	/* Codes of outbox_inbox that it raises itself say nothing of the progress. */
	if (failure->failure == FAILURE_FENCED)
		failure->failure = FAILURE_DATA;
	if (strcmp(failure->error.sqlstate, "21000") == 0)
		error_hint(&failure->error,
				   "Two events of one key are in this batch: read from batch_latest, which "
				   "holds the last event of each key, in place of batch.");
	else if (strcmp(failure->error.sqlstate, "42501") == 0)
		error_hint(&failure->error, "Grant the consumer's role what its handlers do.");
	else if (strcmp(failure->error.sqlstate, "42703") == 0 && failure->error.hint[0] == '\0')
		error_hint(&failure->error,
				   "Create it in the target, or change the handler's sql; batch and batch_latest "
				   "have ordinality, id, topic, partition, kafka_offset, key, type, payload, "
				   "headers, position and event_time.");
	else if (failure->failure == FAILURE_CONFIGURATION && failure->error.hint[0] == '\0' &&
			 is_missing(failure->error.sqlstate))
		error_hint(&failure->error, "Create it in the target, or change the handler's sql; "
									"\"outbox-consumer check\" tries all handlers.");
}

void
pg_failure_inbox(TargetFailure *failure, const PGresult *result, const char *doing)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	int exit_code = EXIT_NOT_INITIALIZED;

	if (sqlstate != NULL && strcmp(sqlstate, "42501") == 0)
		exit_code = EXIT_PERMISSION;
	fill_result(failure, result, exit_code, doing);
	if (failure->failure != FAILURE_CONFIGURATION)
		return;
	if (exit_code == EXIT_PERMISSION)
		error_hint(&failure->error, "GRANT USAGE ON SCHEMA outbox_inbox, SELECT, INSERT, UPDATE on "
									"its tables progress, position and dead_letter, and EXECUTE on "
									"its functions to the consumer's role.");
	else
		error_hint(&failure->error, "Run \"outbox-consumer init\" with a role that may create a "
									"schema in the target.");
}

/* ":  28P01: " between severity and text, with verbosity VERBOSE. */
static void
find_sqlstate(const char *message, char *sqlstate, const char **text)
{
	sqlstate[0] = '\0';
	*text = message;
	for (const char *found = strstr(message, ":  "); found != NULL;
		 found = strstr(found + 1, ":  "))
	{
		size_t len = strspn(found + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");

		if (len != 5 || found[8] != ':')
			continue;
		memcpy(sqlstate, found + 3, 5);
		sqlstate[5] = '\0';
		*text = found + 10;
		return;
	}
}

void
pg_failure_connect(TargetFailure *failure, const PGconn *conn)
{
	char sqlstate[6];
	const char *message;
	const char *hint;
	char text[TEXT_MAX];
	char line[512];
	int exit_code = EXIT_PERMISSION;

	find_sqlstate(PQerrorMessage(conn), sqlstate, &message);
	first_line(message, text, sizeof(text));
	hint = sqlstate[0] == '\0' ? pg_refusal_tls_hint(message) : NULL;
	if (strncmp(sqlstate, "3D", 2) == 0)
		exit_code = EXIT_CONFIG;
	/* As after a wrong password: it would be so the next time. */
	fill(failure, hint != NULL ? "28000" : sqlstate, exit_code, "connect to the target",
		 text[0] != '\0' ? text : "connection was closed");
	if (hint != NULL)
		error_hint(&failure->error, "%s", hint);
	else if (strncmp(sqlstate, "28", 2) == 0 && pg_refusal_hba_line(text, line, sizeof(line)))
		error_hint(&failure->error,
				   "%sAdd this line to pg_hba.conf, above the others, and reload: %s",
				   pg_refusal_encryption_hint(message), line);
	else if (strcmp(sqlstate, "28000") == 0 && (hint = pg_refusal_role_hint(text)) != NULL)
		error_hint(&failure->error, "%s", hint);
	else if (strcmp(sqlstate, "28P01") == 0)
		error_hint(&failure->error, "See target.password_file, or the file that PGPASSFILE or "
									"passfile= names.");
	if (exit_code == EXIT_CONFIG)
		error_hint(&failure->error, "See \"target.conninfo\": without dbname libpq takes the "
									"user's name.");
	failure->lost = true;
}

void
pg_failure_lost(TargetFailure *failure, const PGconn *conn, const char *doing)
{
	char text[TEXT_MAX];

	first_line(PQerrorMessage(conn), text, sizeof(text));
	fill(failure, "", EXIT_OK, doing, text[0] != '\0' ? text : "connection was closed");
	failure->lost = true;
}

void
pg_failure_timeout(TargetFailure *failure, const char *doing, int64_t after_usec)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "no answer for %lld ms", (long long) (after_usec / USEC_PER_MS));
	fill(failure, "", EXIT_OK, doing, text);
	failure->lost = true;
	failure->timed_out = true;
}

void
pg_failure_memory(TargetFailure *failure)
{
	memset(failure, 0, sizeof(*failure));
	failure->handler = -1;
	failure->failure = FAILURE_CONFIGURATION;
	error_bug(&failure->error, "out of memory");
}
