/*
 * pg_pipe.c
 *	  libpq's pipeline mode without blocking calls.
 *
 * Between batches nothing is under way: whatever leaves an answer outstanding ends
 * the connection, or the next one would be taken for it.
 */
#include "pg_pipe.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_TEXT_SIZE 32

void
pg_pipe_close(PgPipe *pipe)
{
	PQfinish(pipe->conn);
	pipe->conn = NULL;
}

/* libpq's messages end with a newline and may have several lines. */
static bool
connection_error(const PgPipe *pipe, const char *what, Error *error)
{
	const char *message = pipe->conn != NULL ? PQerrorMessage(pipe->conn) : "out of memory";

	return error_transient(error, "%s: %.*s", what, (int) strcspn(message, "\n"), message);
}

/* False when the deadline has passed. */
static bool
wait_socket(const PgPipe *pipe, short events, MonoUsec deadline)
{
	for (;;)
	{
		struct pollfd descriptor = {PQsocket(pipe->conn), events, 0};
		int64_t left = deadline - clock_mono();

		if (left <= 0)
			return false;
		if (poll(&descriptor, 1, (int) ((left + USEC_PER_MS - 1) / USEC_PER_MS)) > 0)
			return true;
	}
}

/* Sends what is unsent and reads until PQgetResult() would not block. */
static bool
await_input(const PgPipe *pipe, MonoUsec deadline)
{
	int unsent = PQflush(pipe->conn);

	while (unsent > 0 || PQisBusy(pipe->conn))
	{
		if (unsent < 0 || !wait_socket(pipe, unsent > 0 ? POLLIN | POLLOUT : POLLIN, deadline) ||
			!PQconsumeInput(pipe->conn))
			return false;
		unsent = PQflush(pipe->conn);
	}
	return unsent == 0;
}

static void
result_error(const PGresult *result, const char *what, Error *error)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	error_transient(error, "%s: %s", what, message != NULL ? message : "unexpected answer");
	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate != NULL ? sqlstate : "");
}

static bool
succeeded(const PGresult *result)
{
	return PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;
}

static void
clear_results(PGresult **results, int count)
{
	for (int i = 0; i < count; i++)
		PQclear(results[i]);
}

/* Fills the error for a connection that has given no complete answer, and ends it. */
static bool
lose(PgPipe *pipe, Error *error)
{
	if (PQstatus(pipe->conn) == CONNECTION_OK)
		error_transient(error, "no answer from the database in time");
	else
		connection_error(pipe, "lost the database", error);
	pg_pipe_close(pipe);
	return false;
}

/*
 * The answers up to the Sync, one for each item; the rest of several for one is
 * dropped.  A missing answer ends the connection: the next one would be taken for it.
 */
static bool
await_results(PgPipe *pipe, PGresult **results, int count, MonoUsec deadline, Error *error)
{
	int at = 0;

	while (await_input(pipe, deadline))
	{
		PGresult *result = PQgetResult(pipe->conn);

		if (result == NULL)
		{
			/* The end of an item; of everything, when there is nobody any more. */
			if (PQstatus(pipe->conn) != CONNECTION_OK)
				break;
			at++;
		}
		else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
		{
			PQclear(result);
			return true;
		}
		else if (at < count && results[at] == NULL)
			results[at] = result;
		else
			PQclear(result);
	}
	return lose(pipe, error);
}

/* Sends the items and a Sync; false: lost, before all of it was sent or after. */
static bool
send_batch(PgPipe *pipe, const PipeItem *items, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (!PQsendQueryPrepared(pipe->conn, items[i].name, items[i].count, items[i].values, NULL,
								 NULL, 0))
			return false;
	}
	return PQpipelineSync(pipe->conn) == 1;
}

bool
pg_pipe_run(PgPipe *pipe, const PipeItem *items, int count, MonoUsec deadline, PGresult **last,
			Error *error)
{
	PGresult *results[PIPE_BATCH_MAX] = {NULL};
	bool done = true;

	if (!send_batch(pipe, items, count))
		return lose(pipe, error);
	if (!await_results(pipe, results, count, deadline, error))
	{
		clear_results(results, count);
		return false;
	}
	for (int i = 0; i < count && done; i++)
	{
		done = results[i] != NULL && succeeded(results[i]);
		if (!done)
			result_error(results[i], "the database refused", error);
	}
	if (done && last != NULL)
	{
		*last = results[count - 1];
		results[count - 1] = NULL;
	}
	clear_results(results, count);
	return done;
}

/* -------------------------------------------------------------------------
 * connecting
 * ------------------------------------------------------------------------- */

/* "terminating connection": the error that follows says it again. */
static void
ignore_notice(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}

static bool
start_connection(PgPipe *pipe, const PgPipeConfig *config)
{
	char tcp_timeout[NUMBER_TEXT_SIZE];
	const char *const keywords[] = {
		"dbname",			"tcp_user_timeout", "keepalives_idle", "keepalives_interval",
		"keepalives_count", "application_name", "options",		   NULL};
	const char *const values[] = {config->conninfo, tcp_timeout,	 "1", "1", "3",
								  "outbox-compare", config->options, NULL};

	snprintf(tcp_timeout, sizeof(tcp_timeout), "%lld",
			 (long long) (config->tcp_user_timeout_usec / USEC_PER_MS));
	pipe->conn = PQconnectStartParams(keywords, values, 1);
	if (pipe->conn == NULL || PQstatus(pipe->conn) == CONNECTION_BAD)
		return false;
	PQsetNoticeReceiver(pipe->conn, ignore_notice, NULL);
	return true;
}

static bool
finish_connection(PgPipe *pipe, MonoUsec deadline)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK)
	{
		if (status == PGRES_POLLING_FAILED ||
			!wait_socket(pipe, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
			return false;
		status = PQconnectPoll(pipe->conn);
	}
	return PQsetnonblocking(pipe->conn, 1) == 0 && PQenterPipelineMode(pipe->conn) == 1;
}

static bool
prepare(PgPipe *pipe, const PgPipeConfig *config, MonoUsec deadline, Error *error)
{
	const PreparedStatement *statements = config->statements;
	PGresult *results[PIPE_STATEMENTS_MAX] = {NULL};
	int count = 0;
	bool prepared = true;

	for (; statements[count].name != NULL; count++)
	{
		if (!PQsendPrepare(pipe->conn, statements[count].name, statements[count].sql, 0, NULL))
			return connection_error(pipe, "could not prepare a statement", error);
	}
	if (PQpipelineSync(pipe->conn) != 1)
		return connection_error(pipe, "could not prepare a statement", error);
	if (!await_results(pipe, results, count, deadline, error))
		prepared = false;
	for (int i = 0; i < count && prepared; i++)
	{
		prepared = results[i] != NULL && succeeded(results[i]);
		if (!prepared)
			result_error(results[i], "could not prepare a statement", error);
	}
	clear_results(results, count);
	return prepared;
}

bool
pg_pipe_open(PgPipe *pipe, const PgPipeConfig *config, Error *error)
{
	MonoUsec deadline = clock_mono() + config->connect_timeout_usec;
	bool opened = start_connection(pipe, config) && finish_connection(pipe, deadline);

	if (!opened)
		connection_error(pipe, "could not connect to the database", error);
	if (opened && prepare(pipe, config, deadline, error))
		return true;
	pg_pipe_close(pipe);
	return false;
}

bool
pg_pipe_alive(PgPipe *pipe)
{
	struct pollfd descriptor;

	if (pipe->conn == NULL)
		return false;
	/* Between transactions the server has nothing to say but that it goes away. */
	descriptor = (struct pollfd){PQsocket(pipe->conn), POLLIN, 0};
	if (poll(&descriptor, 1, 0) > 0 &&
		(!PQconsumeInput(pipe->conn) || PQstatus(pipe->conn) != CONNECTION_OK))
		pg_pipe_close(pipe);
	return pipe->conn != NULL;
}
