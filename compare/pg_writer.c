/*
 * pg_writer.c
 *	  The transaction of the ingest server.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "pg_pipe.h"
#include "pg_writer_sql.h"

#define PAYLOAD_LIMIT 4096
#define NUMBER_TEXT_SIZE 32

struct PgWriter
{
	WriterConfig config;
	PgPipe pipe;
	Buffer head; /* of the payload, before and behind the version */
	Buffer tail;
};

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

void
pg_writer_free(PgWriter *writer)
{
	if (writer == NULL)
		return;
	pg_pipe_close(&writer->pipe);
	buffer_free(&writer->head);
	buffer_free(&writer->tail);
	free(writer);
}

bool
pg_writer_connect(PgWriter *writer, Error *error)
{
	const WriterConfig *config = &writer->config;
	char options[96];
	PgPipeConfig pipe = {.conninfo = config->conninfo,
						 .options = options,
						 .connect_timeout_usec = config->connect_timeout_usec,
						 .tcp_user_timeout_usec = config->tcp_user_timeout_usec,
						 .statements = pg_writer_statements(config->mode)};

	snprintf(options, sizeof(options), "-c statement_timeout=%lld%s",
			 (long long) (config->statement_timeout_usec / USEC_PER_MS),
			 config->mode == MODE_OUTBOX_WAL ? " -c pg_outbox.storage=wal" : "");
	pg_pipe_close(&writer->pipe);
	return pg_pipe_open(&writer->pipe, &pipe, error);
}

bool
pg_writer_alive(PgWriter *writer)
{
	return pg_pipe_alive(&writer->pipe);
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
	static const PipeItem rollback = {.name = "rollback"};
	PgWriter *writer = transaction->writer;
	Error ignored;

	if (writer->pipe.conn != NULL &&
		!pg_pipe_run(&writer->pipe, &rollback, 1, deadline_of(transaction), NULL, &ignored))
		pg_pipe_close(&writer->pipe);
	return strncmp(error->sqlstate, "22", 2) == 0 || strncmp(error->sqlstate, "23", 2) == 0
			   ? STORE_INVALID
			   : STORE_REFUSED;
}

static StoreResult
commit(Transaction *transaction, Error *error)
{
	static const PipeItem command = {.name = "commit"};
	PgWriter *writer = transaction->writer;
	PGresult *result = NULL;
	bool committed;

	if (!pg_pipe_run(&writer->pipe, &command, 1, deadline_of(transaction), &result, error))
	{
		/* The server's own refusal leaves the connection as it was, unless it goes away. */
		if (writer->pipe.conn != NULL && error->sqlstate[0] != '\0' &&
			strncmp(error->sqlstate, "57P", 3) != 0)
			return give_up(transaction, error);
		pg_pipe_close(&writer->pipe);
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
	const PipeItem items[] = {
		{.name = "begin"},
		{.name = "store",
		 .count = mode_relayed(mode) ? EMIT_PARAMS : STORE_PARAMS,
		 .values = transaction->params.values},
	};
	PGresult *result = NULL;

	if (!pg_pipe_run(&transaction->writer->pipe, begin ? items : items + 1, begin ? 2 : 1,
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
	const PipeItem items[] = {
		{.name = "begin"},
		{.name = "claim", .count = CLAIM_PARAMS, .values = values},
		{.name = "look", .count = 2, .values = request},
	};
	PGresult *result = NULL;

	if (!pg_pipe_run(&transaction->writer->pipe, items, 3, deadline_of(transaction), &result,
					 error))
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
	if (writer->pipe.conn == NULL)
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
