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
 */
#include "pg_writer.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#define PAYLOAD_LIMIT 4096
#define NUMBER_TEXT_SIZE 32
#define REPORT_PARAMS 9

struct PgWriter
{
	WriterConfig config;
	PGconn *conn;
	Buffer payload;
};

static const char *const sql_upsert =
	"INSERT INTO driver_location AS l (mode, driver_id, version, latitude, longitude, heading,"
	" speed, accuracy, status, reported_at)"
	" VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9)"
	" ON CONFLICT (mode, driver_id) DO UPDATE SET version = l.version + 1,"
	" latitude = EXCLUDED.latitude, longitude = EXCLUDED.longitude, heading = EXCLUDED.heading,"
	" speed = EXCLUDED.speed, accuracy = EXCLUDED.accuracy, status = EXCLUDED.status,"
	" reported_at = EXCLUDED.reported_at"
	" RETURNING version";

static const char *const sql_history =
	"INSERT INTO location_history (mode, driver_id, latitude, longitude, heading, speed, accuracy,"
	" status, reported_at, request_id, version)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

static const char *const sql_emit =
	"SELECT outbox.emit('driver', $1, 'LocationReported', $2::json)";

PgWriter *
pg_writer_create(const WriterConfig *config)
{
	PgWriter *writer = calloc(1, sizeof(*writer));

	if (writer == NULL)
		return NULL;
	writer->config = *config;
	buffer_init(&writer->payload, PAYLOAD_LIMIT);
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
	buffer_free(&writer->payload);
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

/*
 * The server's answer, complete, or NULL with the error filled.  A missing answer
 * ends the connection: the next one would be taken for it.
 */
static PGresult *
await_result(PgWriter *writer, MonoUsec deadline, Error *error)
{
	PGresult *first = NULL;

	while (await_input(writer, deadline))
	{
		PGresult *result = PQgetResult(writer->conn);

		if (result == NULL)
		{
			if (first != NULL && PQstatus(writer->conn) == CONNECTION_OK)
				return first;
			break;
		}
		if (first == NULL)
			first = result;
		else
			PQclear(result);
	}
	PQclear(first);
	if (PQstatus(writer->conn) == CONNECTION_OK)
		error_transient(error, "no answer from the database in time");
	else
		connection_error(writer, "lost the database", error);
	hang_up(writer);
	return NULL;
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
	char options[64];
	const char *const keywords[] = {
		"dbname",			"tcp_user_timeout", "keepalives_idle", "keepalives_interval",
		"keepalives_count", "application_name", "options",		   NULL};
	const char *const values[] = {writer->config.conninfo, tcp_timeout, "1", "1", "3",
								  "outbox-compare",		   options,		NULL};

	snprintf(tcp_timeout, sizeof(tcp_timeout), "%lld",
			 (long long) (writer->config.tcp_user_timeout_usec / USEC_PER_MS));
	snprintf(options, sizeof(options), "-c statement_timeout=%lld",
			 (long long) (writer->config.statement_timeout_usec / USEC_PER_MS));
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
	return PQsetnonblocking(writer->conn, 1) == 0;
}

static bool
prepare(PgWriter *writer, const char *name, const char *sql, MonoUsec deadline, Error *error)
{
	PGresult *result;
	bool prepared;

	if (!PQsendPrepare(writer->conn, name, sql, 0, NULL))
		return connection_error(writer, "could not prepare a statement", error);
	result = await_result(writer, deadline, error);
	if (result == NULL)
		return false;
	prepared = succeeded(result);
	if (!prepared)
		result_error(result, "could not prepare a statement", error);
	PQclear(result);
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
	if (!prepare(writer, "upsert", sql_upsert, deadline, error) ||
		!prepare(writer, "history", sql_history, deadline, error) ||
		(writer->config.mode == MODE_OUTBOX && !prepare(writer, "emit", sql_emit, deadline, error)))
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
	const char *values[REPORT_PARAMS + 2];
	char latitude[NUMBER_TEXT_SIZE];
	char longitude[NUMBER_TEXT_SIZE];
	char heading[NUMBER_TEXT_SIZE];
	char speed[NUMBER_TEXT_SIZE];
	char accuracy[NUMBER_TEXT_SIZE];
	char request_id[UUID_TEXT_SIZE];
	char version[NUMBER_TEXT_SIZE];
} ReportParams;

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
	params->values[10] = params->version;
}

/* A statement inside the transaction; what it returns is the caller's to clear. */
static PGresult *
execute(PgWriter *writer, const char *name, int count, const char *const *values, Error *error)
{
	MonoUsec deadline = clock_mono() + writer->config.statement_timeout_usec;
	PGresult *result;
	int sent;

	if (name != NULL)
		sent = PQsendQueryPrepared(writer->conn, name, count, values, NULL, NULL, 0);
	else
		sent = PQsendQuery(writer->conn, values[0]);
	if (!sent)
	{
		connection_error(writer, "lost the database", error);
		hang_up(writer);
		return NULL;
	}
	result = await_result(writer, deadline, error);
	if (result != NULL && !succeeded(result))
	{
		result_error(result, "the database refused", error);
		PQclear(result);
		return NULL;
	}
	return result;
}

static bool
execute_command(PgWriter *writer, const char *name, int count, const char *const *values,
				Error *error)
{
	PGresult *result = execute(writer, name, count, values, error);

	PQclear(result);
	return result != NULL;
}

static bool
execute_upsert(PgWriter *writer, ReportParams *params, int64_t *version, Error *error)
{
	PGresult *result = execute(writer, "upsert", REPORT_PARAMS, params->values, error);

	if (result == NULL)
		return false;
	snprintf(params->version, sizeof(params->version), "%s", PQgetvalue(result, 0, 0));
	*version = strtoll(params->version, NULL, 10);
	PQclear(result);
	return true;
}

static bool
execute_emit(PgWriter *writer, const LocationReport *report, int64_t version, Error *error)
{
	const char *values[2];

	buffer_reset(&writer->payload);
	location_format(report, version, &writer->payload);
	if (writer->payload.failed)
		return error_bug(error, "the event does not fit");
	values[0] = report->driver_id;
	values[1] = writer->payload.data;
	return execute_command(writer, "emit", 2, values, error);
}

/* After a statement failed: out of the transaction, or out of the connection. */
static StoreResult
give_up(PgWriter *writer, const Error *error)
{
	static const char *const rollback[] = {"ROLLBACK"};
	Error ignored;

	if (writer->conn != NULL && !execute_command(writer, NULL, 1, rollback, &ignored))
		hang_up(writer);
	return strncmp(error->sqlstate, "22", 2) == 0 || strncmp(error->sqlstate, "23", 2) == 0
			   ? STORE_INVALID
			   : STORE_REFUSED;
}

static StoreResult
commit(PgWriter *writer, Error *error)
{
	static const char *const command[] = {"COMMIT"};
	PGresult *result = execute(writer, NULL, 1, command, error);
	bool committed;

	if (result == NULL)
	{
		/* The server's own refusal leaves the connection as it was, unless it goes away. */
		if (writer->conn != NULL && error->sqlstate[0] != '\0' &&
			strncmp(error->sqlstate, "57P", 3) != 0)
			return give_up(writer, error);
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

StoreResult
pg_writer_store(PgWriter *writer, const LocationReport *report, int64_t *version, Error *error)
{
	static const char *const begin[] = {"BEGIN"};
	ReportParams params;

	error_clear(error);
	if (writer->conn == NULL)
	{
		error_transient(error, "there is no connection");
		return STORE_REFUSED;
	}
	fill_params(&params, writer->config.mode, report);
	if (!execute_command(writer, NULL, 1, begin, error) ||
		!execute_upsert(writer, &params, version, error) ||
		!execute_command(writer, "history", REPORT_PARAMS + 2, params.values, error) ||
		(writer->config.mode == MODE_OUTBOX && !execute_emit(writer, report, *version, error)))
		return give_up(writer, error);
	return commit(writer, error);
}
