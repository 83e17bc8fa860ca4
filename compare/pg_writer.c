/*
 * pg_writer.c
 *	  The transaction of the ingest server, over libpq without blocking calls.
 *
 * The version is assigned by the upsert, under the lock of the driver's row that
 * is held until the commit: so versions rise in commit order, and they are what
 * the ledger judges order by.
 *
 * Once COMMIT is on its way, anything but the server's answer means that the
 * outcome is unknown.  Before that a lost connection means that nothing was stored.
 *
 * A connection is in pipeline mode: what goes out together ends with one Sync, and
 * its answers are read up to that.  Between transactions nothing is under way.
 */
#include "pg_writer.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "pg_writer_sql.h"

#define PAYLOAD_LIMIT 4096
#define NUMBER_TEXT_SIZE 32
#define BATCH_MAX 3

struct PgWriter
{
	WriterConfig config;
	PGconn *conn;
	Buffer head; /* of the payload, before and behind the version */
	Buffer tail;
};

/* What goes out together. */
typedef struct BatchItem
{
	const char *name; /* of a prepared statement */
	int count;
	const char *const *values;
} BatchItem;

PgWriter *
pg_writer_create(const WriterConfig *config)
{
	PgWriter *writer = calloc(1, sizeof(*writer));

	if (writer == NULL)
		return NULL;
	writer->config = *config;
	buffer_init(&writer->head, PAYLOAD_LIMIT);
	buffer_init(&writer->tail, PAYLOAD_LIMIT);
	return writer;
}

static void
hang_up(PgWriter *writer)
{
	PQfinish(writer->conn);
	writer->conn = NULL;
}

void
pg_writer_free(PgWriter *writer)
{
	if (writer == NULL)
		return;
	hang_up(writer);
	buffer_free(&writer->head);
	buffer_free(&writer->tail);
	free(writer);
}

/* libpq's messages end with a newline and may have several lines. */
static bool
connection_error(const PgWriter *writer, const char *what, Error *error)
{
	const char *message = writer->conn != NULL ? PQerrorMessage(writer->conn) : "out of memory";

	return error_transient(error, "%s: %.*s", what, (int) strcspn(message, "\n"), message);
}

/* False when the deadline has passed. */
static bool
wait_socket(const PgWriter *writer, short events, MonoUsec deadline)
{
	for (;;)
	{
		struct pollfd descriptor = {PQsocket(writer->conn), events, 0};
		int64_t left = deadline - clock_mono();

		if (left <= 0)
			return false;
		if (poll(&descriptor, 1, (int) ((left + USEC_PER_MS - 1) / USEC_PER_MS)) > 0)
			return true;
	}
}

/* Sends what is unsent and reads until PQgetResult() would not block. */
static bool
await_input(const PgWriter *writer, MonoUsec deadline)
{
	int unsent = PQflush(writer->conn);

	while (unsent > 0 || PQisBusy(writer->conn))
	{
		if (unsent < 0 || !wait_socket(writer, unsent > 0 ? POLLIN | POLLOUT : POLLIN, deadline) ||
			!PQconsumeInput(writer->conn))
			return false;
		unsent = PQflush(writer->conn);
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
lose(PgWriter *writer, Error *error)
{
	if (PQstatus(writer->conn) == CONNECTION_OK)
		error_transient(error, "no answer from the database in time");
	else
		connection_error(writer, "lost the database", error);
	hang_up(writer);
	return false;
}

/*
 * The answers up to the Sync, one for each item; the rest of several for one is
 * dropped.  A missing answer ends the connection: the next one would be taken for it.
 */
static bool
await_results(PgWriter *writer, PGresult **results, int count, MonoUsec deadline, Error *error)
{
	int at = 0;

	while (await_input(writer, deadline))
	{
		PGresult *result = PQgetResult(writer->conn);

		if (result == NULL)
		{
			/* The end of an item; of everything, when there is nobody any more. */
			if (PQstatus(writer->conn) != CONNECTION_OK)
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
	return lose(writer, error);
}

/* Sends the items and a Sync; false: lost, before all of it was sent or after. */
static bool
send_batch(PgWriter *writer, const BatchItem *items, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (!PQsendQueryPrepared(writer->conn, items[i].name, items[i].count, items[i].values, NULL,
								 NULL, 0))
			return false;
	}
	return PQpipelineSync(writer->conn) == 1;
}

/*
 * Runs the items; false when one of them failed, or the connection did.  *last gets
 * the last one's result, the caller's to clear, and may be NULL.
 */
static bool
run_batch(PgWriter *writer, const BatchItem *items, int count, MonoUsec deadline, PGresult **last,
		  Error *error)
{
	PGresult *results[BATCH_MAX] = {NULL};
	bool done = true;

	if (!send_batch(writer, items, count))
		return lose(writer, error);
	if (!await_results(writer, results, count, deadline, error))
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
start_connection(PgWriter *writer)
{
	char tcp_timeout[NUMBER_TEXT_SIZE];
	char options[96];
	const char *const keywords[] = {
		"dbname",			"tcp_user_timeout", "keepalives_idle", "keepalives_interval",
		"keepalives_count", "application_name", "options",		   NULL};
	const char *const values[] = {writer->config.conninfo, tcp_timeout, "1", "1", "3",
								  "outbox-compare",		   options,		NULL};

	snprintf(tcp_timeout, sizeof(tcp_timeout), "%lld",
			 (long long) (writer->config.tcp_user_timeout_usec / USEC_PER_MS));
	snprintf(options, sizeof(options), "-c statement_timeout=%lld%s",
			 (long long) (writer->config.statement_timeout_usec / USEC_PER_MS),
			 writer->config.mode == MODE_OUTBOX_WAL ? " -c pg_outbox.storage=wal" : "");
	writer->conn = PQconnectStartParams(keywords, values, 1);
	if (writer->conn == NULL || PQstatus(writer->conn) == CONNECTION_BAD)
		return false;
	PQsetNoticeReceiver(writer->conn, ignore_notice, NULL);
	return true;
}

static bool
finish_connection(PgWriter *writer, MonoUsec deadline)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK)
	{
		if (status == PGRES_POLLING_FAILED ||
			!wait_socket(writer, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
			return false;
		status = PQconnectPoll(writer->conn);
	}
	return PQsetnonblocking(writer->conn, 1) == 0 && PQenterPipelineMode(writer->conn) == 1;
}

static bool
prepare(PgWriter *writer, MonoUsec deadline, Error *error)
{
	const PreparedStatement *statements = pg_writer_statements(writer->config.mode);
	PGresult *results[STATEMENTS_MAX] = {NULL};
	int count = 0;
	bool prepared = true;

	for (; statements[count].name != NULL; count++)
	{
		if (!PQsendPrepare(writer->conn, statements[count].name, statements[count].sql, 0, NULL))
			return connection_error(writer, "could not prepare a statement", error);
	}
	if (PQpipelineSync(writer->conn) != 1)
		return connection_error(writer, "could not prepare a statement", error);
	if (!await_results(writer, results, count, deadline, error))
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
pg_writer_connect(PgWriter *writer, Error *error)
{
	MonoUsec deadline = clock_mono() + writer->config.connect_timeout_usec;

	hang_up(writer);
	if (!start_connection(writer) || !finish_connection(writer, deadline))
	{
		connection_error(writer, "could not connect to the database", error);
		hang_up(writer);
		return false;
	}
	if (!prepare(writer, deadline, error))
	{
		hang_up(writer);
		return false;
	}
	return true;
}

bool
pg_writer_alive(PgWriter *writer)
{
	struct pollfd descriptor;

	if (writer->conn == NULL)
		return false;
	/* Between transactions the server has nothing to say but that it goes away. */
	descriptor = (struct pollfd){PQsocket(writer->conn), POLLIN, 0};
	if (poll(&descriptor, 1, 0) > 0 &&
		(!PQconsumeInput(writer->conn) || PQstatus(writer->conn) != CONNECTION_OK))
		hang_up(writer);
	return writer->conn != NULL;
}

/* -------------------------------------------------------------------------
 * the transaction
 * ------------------------------------------------------------------------- */

typedef struct ReportParams
{
	const char *values[EMIT_PARAMS];
	char latitude[NUMBER_TEXT_SIZE];
	char longitude[NUMBER_TEXT_SIZE];
	char heading[NUMBER_TEXT_SIZE];
	char speed[NUMBER_TEXT_SIZE];
	char accuracy[NUMBER_TEXT_SIZE];
	char request_id[UUID_TEXT_SIZE];
} ReportParams;

/* One transaction. */
typedef struct Transaction
{
	PgWriter *writer;
	const StoreOrder *order;
	ReportParams params;
	int64_t version;
} Transaction;

static void
fill_params(ReportParams *params, Mode mode, const LocationReport *report)
{
	snprintf(params->latitude, sizeof(params->latitude), "%.6f", report->latitude);
	snprintf(params->longitude, sizeof(params->longitude), "%.6f", report->longitude);
	snprintf(params->heading, sizeof(params->heading), "%.1f", report->heading);
	snprintf(params->speed, sizeof(params->speed), "%.2f", report->speed);
	snprintf(params->accuracy, sizeof(params->accuracy), "%.1f", report->accuracy);
	uuid_format(report->request_id, params->request_id);

	params->values[0] = mode_name(mode);
	params->values[1] = report->driver_id;
	params->values[2] = params->latitude;
	params->values[3] = params->longitude;
	params->values[4] = params->heading;
	params->values[5] = params->speed;
	params->values[6] = params->accuracy;
	params->values[7] = report->status;
	params->values[8] = report->time;
	params->values[9] = params->request_id;
}

/* The event's payload, around the version that the statement knows. */
static bool
fill_payload(Transaction *transaction, Error *error)
{
	PgWriter *writer = transaction->writer;

	buffer_reset(&writer->head);
	buffer_reset(&writer->tail);
	location_format_head(transaction->order->report, &writer->head);
	location_format_tail(transaction->order->report, &writer->tail);
	if (writer->head.failed || writer->tail.failed)
		return error_bug(error, "the event does not fit");
	transaction->params.values[10] = writer->head.data;
	transaction->params.values[11] = writer->tail.data;
	return true;
}

static MonoUsec
deadline_of(const Transaction *transaction)
{
	MonoUsec deadline = clock_mono() + transaction->writer->config.statement_timeout_usec;

	return deadline < transaction->order->deadline ? deadline : transaction->order->deadline;
}

/* After a statement failed: out of the transaction, or out of the connection. */
static StoreResult
give_up(Transaction *transaction, const Error *error)
{
	static const BatchItem rollback = {.name = "rollback"};
	PgWriter *writer = transaction->writer;
	Error ignored;

	if (writer->conn != NULL &&
		!run_batch(writer, &rollback, 1, deadline_of(transaction), NULL, &ignored))
		hang_up(writer);
	return strncmp(error->sqlstate, "22", 2) == 0 || strncmp(error->sqlstate, "23", 2) == 0
			   ? STORE_INVALID
			   : STORE_REFUSED;
}

static StoreResult
commit(Transaction *transaction, Error *error)
{
	static const BatchItem command = {.name = "commit"};
	PgWriter *writer = transaction->writer;
	PGresult *result = NULL;
	bool committed;

	if (!run_batch(writer, &command, 1, deadline_of(transaction), &result, error))
	{
		/* The server's own refusal leaves the connection as it was, unless it goes away. */
		if (writer->conn != NULL && error->sqlstate[0] != '\0' &&
			strncmp(error->sqlstate, "57P", 3) != 0)
			return give_up(transaction, error);
		hang_up(writer);
		return STORE_UNKNOWN;
	}
	/* The answer to COMMIT in a failed transaction is ROLLBACK. */
	committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
	PQclear(result);
	if (committed)
		return STORE_DONE;
	error_transient(error, "the transaction was rolled back");
	return STORE_REFUSED;
}

/* BEGIN and the statement that does everything; *version is its result. */
static bool
write_report(Transaction *transaction, bool begin, Error *error)
{
	Mode mode = transaction->writer->config.mode;
	const BatchItem items[] = {
		{.name = "begin"},
		{.name = "store",
		 .count = mode_relayed(mode) ? EMIT_PARAMS : STORE_PARAMS,
		 .values = transaction->params.values},
	};
	PGresult *result = NULL;

	if (!run_batch(transaction->writer, begin ? items : items + 1, begin ? 2 : 1,
				   deadline_of(transaction), &result, error))
		return false;
	transaction->version = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return true;
}

/*
 * BEGIN, the lock of the driver's row, and only behind it a look for the request:
 * an earlier try that has not ended yet holds that lock until it has.
 */
static bool
look_for_report(Transaction *transaction, bool *found, Error *error)
{
	const char *const *values = transaction->params.values;
	const char *const request[] = {values[0], values[9]};
	const BatchItem items[] = {
		{.name = "begin"},
		{.name = "claim", .count = CLAIM_PARAMS, .values = values},
		{.name = "look", .count = 2, .values = request},
	};
	PGresult *result = NULL;

	if (!run_batch(transaction->writer, items, 3, deadline_of(transaction), &result, error))
		return false;
	*found = PQntuples(result) > 0;
	if (*found)
		transaction->version = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return true;
}

static StoreResult
store(Transaction *transaction, Error *error)
{
	bool again = transaction->order->again;
	bool found = false;

	if (again && !look_for_report(transaction, &found, error))
		return give_up(transaction, error);
	if (found)
	{
		give_up(transaction, error);
		return STORE_DONE;
	}
	if (!write_report(transaction, !again, error))
		return give_up(transaction, error);
	return commit(transaction, error);
}

StoreResult
pg_writer_store(PgWriter *writer, const StoreOrder *order, int64_t *version, Error *error)
{
	Transaction transaction = {.writer = writer, .order = order};
	StoreResult result;

	error_clear(error);
	if (writer->conn == NULL)
	{
		error_transient(error, "there is no connection");
		return STORE_REFUSED;
	}
	fill_params(&transaction.params, writer->config.mode, order->report);
	if (mode_relayed(writer->config.mode) && !fill_payload(&transaction, error))
		return STORE_INVALID;
	result = store(&transaction, error);
	*version = transaction.version;
	return result;
}
