/*
 * pg_answer.c
 *	  What comes back from the target.
 *
 * The first error of a pipeline is the request's; what the server skips after it
 * says nothing.  A transaction that an error left open is rolled back before the
 * failure is reported.  Success of apply means that COMMIT was answered with
 * COMMIT.
 */
#include "pg_intern.h"

#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"
#include "failpoint.h"
#include "pg_failure.h"

const char *
pg_doing(const PgTarget *target)
{
	switch (target->phase)
	{
		case PG_DIALING:
		case PG_IDENTIFYING:
			return "connect to the target";
		case PG_PREPARING:
			return "set up the session";
		case PG_READING:
			return "read the progress";
		case PG_APPLYING:
			return "apply a batch";
		case PG_PROBING:
			return "probe the target";
		case PG_ROTATING:
			return "rotate outbox_inbox";
		default:
			return "keep the connection";
	}
}

/* An error of the data in what we wrote ourselves would be ours, but for ids: they are as they came. */
static void
blame(TargetFailure *failure)
{
	failure->failure = FAILURE_CONFIGURATION;
	if (strcmp(failure->error.sqlstate, "22P05") != 0)
	{
		failure->error.error_class = ERROR_CLASS_BUG;
		failure->error.exit_code = EXIT_BUG;
		return;
	}
	failure->error.error_class = ERROR_CLASS_PERMANENT;
	failure->error.exit_code = EXIT_DATA;
	error_hint(&failure->error, "The id of an event has characters that the target's encoding "
								"lacks: use a target database in UTF8.");
}

static void
fail(PgTarget *target, const PgStep *step, const PGresult *result)
{
	TargetFailure *failure = &target->failure;

	if (target->failed)
		return;
	target->failed = true;
	switch (step->kind)
	{
		case PG_STEP_PREPARE_HANDLER:
		case PG_STEP_HANDLER:
			pg_failure_handler(failure, result, &target->config.handlers->items[step->handler]);
			failure->handler = step->handler;
			break;
		case PG_STEP_VERSION:
		case PG_STEP_PREPARE:
			pg_failure_inbox(failure, result, "find outbox_inbox in the target");
			break;
		case PG_STEP_READ_PROGRESS:
		case PG_STEP_READ_POSITIONS:
			pg_failure_inbox(failure, result, "read the progress");
			break;
		case PG_STEP_ADVANCE:
		case PG_STEP_POSITIONS:
			pg_failure_inbox(failure, result, "move the progress");
			break;
		case PG_STEP_RECORD:
		case PG_STEP_FORGET:
			pg_failure_inbox(failure, result, "record ids");
			break;
		case PG_STEP_CLAIM:
			pg_failure_inbox(failure, result, "judge an event by its id");
			break;
		case PG_STEP_ROTATE:
			pg_failure_inbox(failure, result, pg_doing(target));
			break;
		case PG_STEP_LETTER:
			pg_failure_inbox(failure, result, "write a dead letter's row");
			break;
		case PG_STEP_COMMIT:
			pg_failure_result(failure, result, "commit a batch");
			break;
		default:
			pg_failure_result(failure, result, pg_doing(target));
			break;
	}
	if (failure->failure == FAILURE_DATA && step->kind != PG_STEP_HANDLER &&
		step->kind != PG_STEP_COMMIT && step->kind != PG_STEP_CLAIM)
		blame(failure);
}

static void
refuse(PgTarget *target, FailureClass class, int exit_code, const char *message)
{
	if (target->failed)
		return;
	target->failed = true;
	memset(&target->failure, 0, sizeof(target->failure));
	target->failure.handler = -1;
	target->failure.failure = class;
	if (class == FAILURE_CONFIGURATION)
		error_permanent(&target->failure.error, exit_code, "%s", message);
	else
		error_transient(&target->failure.error, "%s", message);
}

static void
keep(PGresult **kept, PGresult *result)
{
	PQclear(*kept);
	*kept = result;
}

/* One row for each record by id, in the order of the batch. */
static void
take_claims(PgTarget *target, const PGresult *result)
{
	const TargetApply *apply = &target->apply;
	int row = 0;

	for (size_t i = apply->batch->head; i < apply->batch->head + apply->count; i++)
	{
		BatchRecord *record = &apply->batch->records[i];

		if (!batch_record_is_judged(record))
			continue;
		if (row < PQntuples(result))
			record->known = strcmp(PQgetvalue(result, row, 0), "t") != 0;
		row++;
	}
	if (row != PQntuples(result))
		refuse(target, FAILURE_TRANSIENT, 0, "could not judge ids: partitions went meanwhile");
}

/* Takes over the result. */
static void
take_success(PgTarget *target, const PgStep *step, PGresult *result)
{
	switch (step->kind)
	{
		case PG_STEP_READ_PROGRESS:
			keep(&target->progress, result);
			return;
		case PG_STEP_READ_POSITIONS:
			keep(&target->positions, result);
			return;
		case PG_STEP_IDENTIFY:
			if (PQntuples(result) == 1)
				target->found =
					server_identity_parse(PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
			break;
		case PG_STEP_VERSION:
			if (PQntuples(result) != 1 || strcmp(PQgetvalue(result, 0, 0), PG_INBOX_LAYOUT) != 0)
			{
				refuse(target, FAILURE_CONFIGURATION, EXIT_NOT_INITIALIZED,
					   "outbox_inbox in the target is of another layout");
				error_hint(&target->failure.error,
						   "Stop all consumers of this target and run \"outbox-consumer init\"; "
						   "where it refuses the layout too, this program is too old.");
			}
			break;
		case PG_STEP_CLAIM:
			take_claims(target, result);
			break;
		case PG_STEP_COMMIT:
			if (strcmp(PQcmdStatus(result), "COMMIT") == 0)
				target->committed = true;
			else
				refuse(target, FAILURE_INFRASTRUCTURE, 0,
					   "could not commit a batch: it was rolled back");
			break;
		case PG_STEP_PROBE:
			target->read_only =
				PQntuples(result) != 1 || strcmp(PQgetvalue(result, 0, 0), "off") != 0;
			if (target->read_only)
				refuse(target, FAILURE_INFRASTRUCTURE, 0, "target is read-only");
			break;
		default:
			break;
	}
	PQclear(result);
}

/* An error is the end of the connection, before the answer is seen. */
static bool
is_missed(PgStepKind kind)
{
	switch (kind)
	{
		case PG_STEP_SETTINGS:
			return FAILPOINT("session-set-up");
		case PG_STEP_BEGIN:
			return FAILPOINT("begin-answered");
		case PG_STEP_ADVANCE:
			return FAILPOINT("progress-moved");
		case PG_STEP_RECORD:
			return FAILPOINT("ids-recorded");
		case PG_STEP_CLAIM:
			return FAILPOINT("ids-judged");
		case PG_STEP_HANDLER:
			return FAILPOINT("handler-run");
		case PG_STEP_POSITIONS:
			return FAILPOINT("positions-moved");
		case PG_STEP_FORGET:
			return FAILPOINT("ids-forgotten");
		case PG_STEP_LETTER:
			return FAILPOINT("letter-written");
		case PG_STEP_COMMIT:
			return FAILPOINT("commit-answered");
		default:
			return false;
	}
}

/* false: the connection is gone. */
static bool
take(PgTarget *target, PGresult *result)
{
	const PgStep *step = &target->steps[target->at];

	target->in_step = true;
	switch (PQresultStatus(result))
	{
		case PGRES_COMMAND_OK:
		case PGRES_TUPLES_OK:
			if (is_missed(step->kind))
			{
				PQclear(result);
				return false;
			}
			take_success(target, step, result);
			return true;
		case PGRES_PIPELINE_ABORTED:
			break;
		default:
			fail(target, step, result);
			break;
	}
	PQclear(result);
	return true;
}

/* The connection is gone in the middle of something, or of nothing. */
static TargetEvent
lost(PgTarget *target, TargetFailure *failure)
{
	if (target->phase == PG_APPLYING && target->committed && !target->failed)
	{
		/* What counts was said; the next request will find out. */
		target->phase = PG_IDLE;
		target->deadline = MONO_NEVER;
		return TARGET_DONE;
	}
	if (target->failed)
		*failure = target->failure;
	else
		pg_failure_lost(failure, target->conn, pg_doing(target));
	failure->lost = true;
	failure->unknown = target->phase == PG_APPLYING;
	return TARGET_FAILED;
}

static bool
is_read_only(const PgTarget *target)
{
	return target->read_only || strcmp(target->failure.error.sqlstate, "25006") == 0;
}

/* The pipeline's end. */
static TargetEvent
finish(PgTarget *target, TargetFailure *failure)
{
	PgPhase phase = target->phase;

	if (phase == PG_APPLYING && target->claiming && !target->failed)
	{
		target->claiming = false;
		if (pg_apply_changed(target))
			refuse(target, FAILURE_TRANSIENT, 0,
				   "could not apply a batch: partitions went meanwhile");
		else if (pg_send_apply_rest(target))
			return TARGET_NOTHING;
		else
			return lost(target, failure);
	}
	if (target->failed && PQtransactionStatus(target->conn) != PQTRANS_IDLE)
	{
		if (pg_send_rollback(target))
			return TARGET_NOTHING;
		*failure = target->failure;
		failure->lost = true;
		return TARGET_FAILED;
	}
	if (phase == PG_IDENTIFYING)
		return TARGET_DONE;
	target->phase = PG_IDLE;
	target->deadline = MONO_NEVER;
	if (target->failed)
	{
		*failure = target->failure;
		/* A session that isn't set up, or that forgot what was prepared, is of no use. */
		failure->lost = phase == PG_PREPARING ||
						strcmp(target->failure.error.sqlstate, SQLSTATE_UNPREPARED) == 0;
		/* One that takes no writes any more: another host may. */
		if (target->dial.hosts.count > 1 && is_read_only(target))
			failure->lost = true;
		return TARGET_FAILED;
	}
	return phase == PG_PREPARING ? TARGET_CONNECTED : TARGET_DONE;
}

TargetEvent
pg_receive(PgTarget *target, TargetFailure *failure)
{
	bool alive = PQconsumeInput(target->conn) == 1;

	if (target->flushing && alive)
	{
		int left = PQflush(target->conn);

		if (left < 0)
			alive = false;
		target->flushing = left > 0;
	}
	while (target->phase != PG_IDLE && !PQisBusy(target->conn))
	{
		PGresult *result = PQgetResult(target->conn);

		if (result == NULL)
		{
			if (!target->in_step)
				break;
			target->in_step = false;
			target->at++;
			continue;
		}
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
		{
			TargetEvent event;

			PQclear(result);
			event = finish(target, failure);
			if (event != TARGET_NOTHING)
				return event;
			continue;
		}
		if (target->at >= target->step_count)
		{
			/* A FATAL that belongs to no statement. */
			PQclear(result);
			alive = false;
			break;
		}
		alive = take(target, result);
		if (!alive)
			break;
	}
	if (!alive || PQstatus(target->conn) == CONNECTION_BAD)
		return lost(target, failure);
	return TARGET_NOTHING;
}

static int64_t
number(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? -1
											: strtoll(PQgetvalue(result, row, column), NULL, 10);
}

void
pg_visit(const PgTarget *target, TargetProgressVisitor progress, TargetPositionVisitor position,
		 void *arg)
{
	const PGresult *rows = target->progress;

	for (int i = 0; rows != NULL && i < PQntuples(rows); i++)
	{
		TargetProgress found = {
			.topic = PQgetvalue(rows, i, 0),
			.partition = (int32_t) number(rows, i, 1),
			.next_offset = number(rows, i, 2),
			.last_offset = number(rows, i, 3),
			.last_timestamp_ms = number(rows, i, 4),
			.moved_at_ms = number(rows, i, 6),
			.last_id = PQgetisnull(rows, i, 5) ? NULL : PQgetvalue(rows, i, 5),
		};

		progress(&found, arg);
	}
	rows = target->positions;
	for (int i = 0; rows != NULL && i < PQntuples(rows); i++)
	{
		TargetPosition found = {
			.topic = PQgetvalue(rows, i, 0),
			.partition = (int32_t) number(rows, i, 1),
			.source_id = PQgetvalue(rows, i, 2),
			.position.generation = (uint32_t) number(rows, i, 3),
			.position.timeline = (uint32_t) number(rows, i, 4),
			.position.ordinal = (uint64_t) number(rows, i, 6),
		};
		const char *lsn = PQgetvalue(rows, i, 5);

		if (lsn_parse(lsn, strlen(lsn), &found.position.commit_lsn))
			position(&found, arg);
	}
}
