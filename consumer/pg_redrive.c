/*
 * pg_redrive.c
 *	  One transaction a letter: the mark of its row, its id, and the handlers.
 *
 * Refuses a letter whose row is marked already (OBX04), however many redrive at
 * the same time.
 *
 * Invariants: nothing of a letter is in the target without the mark; one whose id the
 * target has is marked, and no handler sees it; after each call the session is out of
 * a transaction, or gone.
 */
#include "pg_redrive.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"
#include "pg_admin.h"
#include "pg_encode.h"
#include "pg_failure.h"
#include "pg_handler.h"

#define SQLSTATE_DONE "OBX04"

struct PgRedrive
{
	PGconn *conn;
	const char *group;
	int64_t retention_usec;
	const Handlers *handlers;
	int64_t last; /* number of the letter before */
	int64_t end;  /* of the last one that there was */
	PGresult *row;
	PgParams params;
};

static const char next_sql[] =
	"SELECT number, topic, \"partition\", kafka_offset,"
	" (extract(epoch FROM event_time) OPERATOR(pg_catalog.*) 1000)::int8, letter_topic, "
	"letter_partition,"
	" letter_offset, key, value,"
	/* As raw_headers.h has them. */
	" (SELECT string_agg(int4send(length(h.name)) || h.name ||"
	" coalesce(int4send(length(h.value)) || h.value, '\\xffffffff'), ''::bytea ORDER BY h.n)"
	" FROM unnest(header_names, header_values) WITH ORDINALITY AS h (name, value, n))"
	" FROM outbox_inbox.dead_letter"
	" WHERE group_name = $1::text AND redriven_at IS NULL AND number > $2::int8"
	" AND number <= $3::int8 ORDER BY number LIMIT 1";

static const char end_sql[] = "SELECT coalesce(max(number), 0) FROM outbox_inbox.dead_letter"
							  " WHERE group_name = $1::text AND redriven_at IS NULL";

static bool
succeeded(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* With the result's error, which it takes over. */
static bool
refuse(PGresult *result, const char *doing, Error *error)
{
	TargetFailure failure;

	pg_failure_inbox(&failure, result, doing);
	PQclear(result);
	return pg_admin_error(&failure, error);
}

static bool
prepare(PgRedrive *redrive, Error *error)
{
	for (int i = 0; i < redrive->handlers->count; i++)
	{
		const Handler *handler = &redrive->handlers->items[i];
		TargetFailure failure;
		PGresult *result = pg_handler_prepare(redrive->conn, handler, i);
		bool ok = succeeded(result);

		if (!ok)
		{
			pg_failure_handler(&failure, result, handler);
			(void) pg_admin_error(&failure, error);
		}
		PQclear(result);
		if (!ok)
			return false;
	}
	return true;
}

static bool
find_end(PgRedrive *redrive, Error *error)
{
	PGresult *result =
		PQexecParams(redrive->conn, end_sql, 1, NULL, &redrive->group, NULL, NULL, 0);

	if (!succeeded(result))
		return refuse(result, "look for dead letters", error);
	redrive->end = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return true;
}

PgRedrive *
pg_redrive_open(const char *conninfo, int64_t timeout_usec, const char *group,
				int64_t retention_usec, const Handlers *handlers, Error *error)
{
	PgRedrive *redrive = calloc(1, sizeof(*redrive));

	if (redrive == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	redrive->group = group;
	redrive->retention_usec = retention_usec;
	redrive->handlers = handlers;
	pg_params_init(&redrive->params);
	redrive->conn = pg_admin_connect(conninfo, timeout_usec, error);
	if (redrive->conn != NULL && find_end(redrive, error) && prepare(redrive, error))
		return redrive;
	pg_redrive_close(redrive);
	return NULL;
}

void
pg_redrive_close(PgRedrive *redrive)
{
	if (redrive == NULL)
		return;
	PQclear(redrive->row);
	PQfinish(redrive->conn);
	pg_params_free(&redrive->params);
	free(redrive);
}

/* -------------------------------------------------------------------------
 * the next one
 * ------------------------------------------------------------------------- */

static int64_t
number(const PGresult *row, int column)
{
	Reader reader;

	if (PQgetisnull(row, 0, column))
		return -1;
	reader_init(&reader, PQgetvalue(row, 0, column), (size_t) PQgetlength(row, 0, column));
	return reader_remaining(&reader) == 4 ? (int32_t) reader_u32(&reader)
										  : (int64_t) reader_u64(&reader);
}

static ByteView
bytes(const PGresult *row, int column)
{
	if (PQgetisnull(row, 0, column))
		return (ByteView){NULL, 0};
	return (ByteView){(const uint8_t *) PQgetvalue(row, 0, column),
					  (size_t) PQgetlength(row, 0, column)};
}

IoResult
pg_redrive_next(PgRedrive *redrive, WaitingLetter *letter, Error *error)
{
	char numbers[2][24];
	const char *values[3] = {redrive->group, numbers[0], numbers[1]};
	PGresult *row;

	snprintf(numbers[0], sizeof(numbers[0]), "%lld", (long long) redrive->last);
	snprintf(numbers[1], sizeof(numbers[1]), "%lld", (long long) redrive->end);
	row = PQexecParams(redrive->conn, next_sql, 3, NULL, values, NULL, NULL, 1);
	if (!succeeded(row))
	{
		(void) refuse(row, "read a dead letter", error);
		return IO_FAILED;
	}
	PQclear(redrive->row);
	redrive->row = row;
	if (PQntuples(row) == 0)
		return IO_END;
	*letter = (WaitingLetter){
		.number = number(row, 0),
		.topic = PQgetvalue(row, 0, 1),
		.partition = (int32_t) number(row, 2),
		.offset = number(row, 3),
		.timestamp_ms = number(row, 4),
		.letter_topic = PQgetisnull(row, 0, 5) ? NULL : PQgetvalue(row, 0, 5),
		.letter_partition = (int32_t) number(row, 6),
		.letter_offset = number(row, 7),
		.key = bytes(row, 8),
		.value = bytes(row, 9),
		.raw_headers = bytes(row, 10),
	};
	redrive->last = letter->number;
	return IO_OK;
}

/* -------------------------------------------------------------------------
 * applying
 * ------------------------------------------------------------------------- */

static TargetPlace
place_of(int slot, void *arg)
{
	const WaitingLetter *letter = arg;

	(void) slot;
	return (TargetPlace){letter->topic, letter->partition};
}

/* NULL: it was done; else the result is the caller's. */
static PGresult *
done_or_result(PGresult *result)
{
	if (!succeeded(result))
		return result;
	PQclear(result);
	return NULL;
}

static PGresult *
mark(PgRedrive *redrive, const WaitingLetter *letter)
{
	char numbers[2][24];
	const char *values[4] = {redrive->group, letter->topic, numbers[0], numbers[1]};

	snprintf(numbers[0], sizeof(numbers[0]), "%d", letter->partition);
	snprintf(numbers[1], sizeof(numbers[1]), "%lld", (long long) letter->offset);
	return done_or_result(PQexecParams(
		redrive->conn, "SELECT outbox_inbox.redrive($1::text, $2::text, $3::int4, $4::int8)", 4,
		NULL, values, NULL, NULL, 0));
}

/*
 * It may have been sent again and applied meanwhile, and may be sent again
 * afterwards: its id is judged and recorded like that of any other record.  It
 * isn't "flagged": that it wasn't applied at first is known, whatever its age.
 */
static const char claim_sql[] =
	"SELECT is_new FROM outbox_inbox.claim($1::text, $2::int8 OPERATOR(pg_catalog.*) interval '1 "
	"microsecond',"
	" ARRAY[$3::text], ARRAY[$4::text], ARRAY[$5::uuid], ARRAY[false], ARRAY[NULL::text],"
	" ARRAY[true], ARRAY['apply'])";

/* Whether handlers have to see it; NULL as in mark(). */
static PGresult *
claim(PgRedrive *redrive, const WaitingLetter *letter, const BatchRecord *record, bool *is_new)
{
	char retention[24];
	char uuid[UUID_TEXT_SIZE];
	const char *values[5] = {redrive->group, retention, letter->topic, record->id, NULL};
	PGresult *result;

	*is_new = true;
	if (record->id[0] == '\0' ||
		redrive->handlers->topic_rules[record->topic].dedupe == DEDUPE_NONE)
		return NULL;
	snprintf(retention, sizeof(retention), "%lld", (long long) redrive->retention_usec);
	if (record->has_uuid)
	{
		uuid_format(record->uuid, uuid);
		values[3] = values[4] = uuid;
	}
	result = PQexecParams(redrive->conn, claim_sql, 5, NULL, values, NULL, NULL, 0);
	if (succeeded(result))
		*is_new = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	return done_or_result(result);
}

static PGresult *
run_handler(PgRedrive *redrive, int index)
{
	const PgParams *params = &redrive->params;
	char name[PG_HANDLER_NAME_SIZE];

	pg_handler_name(name, index);
	return done_or_result(PQexecPrepared(redrive->conn, name, params->count, params->values,
										 params->lengths, params->formats, 0));
}

static RedriveOutcome
judge(const TargetFailure *failure, Error *error)
{
	(void) pg_admin_error(failure, error);
	if (failure->failure == FAILURE_TRANSIENT)
		return REDRIVE_UNLUCKY;
	if (failure->failure != FAILURE_DATA)
		return REDRIVE_FAILED;
	error->exit_code = EXIT_DATA;
	return REDRIVE_REFUSED;
}

/* The transaction's statements; on failure the outcome, with the transaction still open. */
static RedriveOutcome
apply_within(PgRedrive *redrive, const WaitingLetter *letter, Batch *batch, Error *error)
{
	TargetApply apply = {
		.batch = batch, .count = 1, .place = place_of, .arg = (void *) (uintptr_t) letter};
	const BatchRecord *record = &batch->records[batch->head];
	TargetFailure failure;
	bool is_new = false;
	PGresult *failed = mark(redrive, letter);

	if (failed == NULL)
		failed = claim(redrive, letter, record, &is_new);
	if (failed != NULL)
	{
		pg_failure_inbox(&failure, failed, "mark a dead letter");
		PQclear(failed);
		return strcmp(failure.error.sqlstate, SQLSTATE_DONE) == 0 ? REDRIVE_DONE
																  : judge(&failure, error);
	}
	for (int i = 0; is_new && i < redrive->handlers->count; i++)
	{
		const Handler *handler = &redrive->handlers->items[i];

		if (!handler->takes[record->topic])
			continue;
		if (!pg_encode_handler(&redrive->params, handler, &apply))
		{
			error_bug(error, "out of memory");
			return REDRIVE_FAILED;
		}
		failed = run_handler(redrive, i);
		if (failed == NULL)
			continue;
		pg_failure_handler(&failure, failed, handler);
		PQclear(failed);
		return judge(&failure, error);
	}
	failed = done_or_result(PQexec(redrive->conn, "COMMIT"));
	if (failed == NULL)
		return is_new ? REDRIVE_APPLIED : REDRIVE_DONE;
	pg_failure_result(&failure, failed, "commit a dead letter");
	PQclear(failed);
	return judge(&failure, error);
}

RedriveOutcome
pg_redrive_apply(PgRedrive *redrive, const WaitingLetter *letter, Batch *batch, Error *error)
{
	PGresult *failed =
		done_or_result(PQexec(redrive->conn, "BEGIN ISOLATION LEVEL READ COMMITTED"));
	RedriveOutcome outcome;

	if (failed != NULL)
	{
		(void) refuse(failed, "begin a transaction", error);
		return REDRIVE_FAILED;
	}
	outcome = apply_within(redrive, letter, batch, error);
	if (PQtransactionStatus(redrive->conn) != PQTRANS_IDLE)
		PQclear(PQexec(redrive->conn, "ROLLBACK"));
	return outcome;
}
