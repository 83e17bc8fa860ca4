/*
 * pg_request.c
 *	  What is sent to the target, each request as one pipeline.
 *
 * All functions return false when libpq has no memory or the connection is
 * gone; the caller closes it then.
 *
 * Invariant: the search_path is the role's, as handlers need it, and what others
 * may create there is used by none of these statements: an operator without a
 * schema has both types just as pg_catalog has it.
 */
#include "pg_intern.h"

#include <stdio.h>
#include <stdlib.h>

#include "failpoint.h"
#include "pg_handler.h"
#include "traceparent.h"

typedef struct PgStatement
{
	const char *name;
	const char *sql;
} PgStatement;

static const PgStatement statements[] = {
	{"outbox_read_progress",
	 "SELECT p.topic, p.\"partition\", p.next_offset, p.last_offset,"
	 " (extract(epoch FROM p.last_timestamp) OPERATOR(pg_catalog.*) 1000)::int8, p.last_id,"
	 " (extract(epoch FROM p.moved_at) OPERATOR(pg_catalog.*) 1000)::int8"
	 " FROM outbox_inbox.progress AS p, unnest($2::text[], $3::int4[]) AS w(topic, part)"
	 " WHERE p.group_name = $1::text AND p.topic = w.topic AND p.\"partition\" = w.part"},
	{"outbox_read_positions",
	 "SELECT p.topic, p.\"partition\", p.source_id, p.generation, p.timeline, p.commit_lsn,"
	 " p.ordinal"
	 " FROM outbox_inbox.position AS p, unnest($2::text[], $3::int4[]) AS w(topic, part)"
	 " WHERE p.group_name = $1::text AND p.topic = w.topic AND p.\"partition\" = w.part"},
	{"outbox_advance",
	 "SELECT outbox_inbox.advance(" PG_INBOX_LAYOUT
	 ", $1::text, m.topic, m.part, m.expected, m.next, m.last,"
	 " m.last_at, m.last_id)"
	 " FROM unnest($2::text[], $3::int4[], $4::int8[], $5::int8[], $6::int8[], $7::timestamptz[],"
	 " $8::text[]) AS m(topic, part, expected, next, last, last_at, last_id)"},
	{"outbox_positions",
	 "INSERT INTO outbox_inbox.position (group_name, topic, \"partition\", source_id, generation,"
	 " timeline, commit_lsn, ordinal)"
	 " SELECT $1::text, m.* FROM unnest($2::text[], $3::int4[], $4::text[], $5::int8[], $6::int8[],"
	 " $7::pg_lsn[], $8::int8[]) AS m"
	 " ON CONFLICT (group_name, topic, \"partition\", source_id) DO UPDATE"
	 " SET generation = excluded.generation, timeline = excluded.timeline,"
	 " commit_lsn = excluded.commit_lsn, ordinal = excluded.ordinal,"
	 " moved_at = transaction_timestamp()"},
	{"outbox_record", "SELECT outbox_inbox.record($1::text, $2::text, $3::int8 "
					  "OPERATOR(pg_catalog.*) interval '1 microsecond',"
					  " $4::uuid, $5::uuid, $6::uuid[])"},
	{"outbox_claim",
	 "SELECT c.is_new FROM outbox_inbox.claim($1::text, $2::int8 OPERATOR(pg_catalog.*) interval "
	 "'1 microsecond',"
	 " $3::text[], $4::text[], $5::uuid[], $6::bool[], $7::text[], $8::bool[], $9::text[]) AS c"
	 " ORDER BY c.n"},
	{"outbox_forget", "SELECT outbox_inbox.forget($1::text, $2::text[])"},
};

/* Only where a handler makes dead letters. */
static const PgStatement letter_statement = {
	"outbox_dead_letter",
	"INSERT INTO outbox_inbox.dead_letter (group_name, topic, \"partition\", kafka_offset, "
	"event_id,"
	" event_time, handler, sqlstate, message, letter_topic, letter_partition, letter_offset,"
	" refusal, key, value, header_names, header_values)"
	" VALUES ($1::text, ($2::text[])[1], ($3::int4[])[1], ($4::int8[])[1], ($5::text[])[1],"
	" ($6::timestamptz[])[1], ($7::text[])[1], ($8::text[])[1], ($9::text[])[1],"
	" ($10::text[])[1], ($11::int4[])[1], ($12::int8[])[1], ($13::text[])[1], ($14::bytea[])[1],"
	" ($15::bytea[])[1], $16::bytea[], $17::bytea[])"
	/* Somebody put the progress back: what counts is what became of the event this time. */
	" ON CONFLICT (group_name, topic, \"partition\", kafka_offset) DO UPDATE"
	" SET event_id = excluded.event_id, event_time = excluded.event_time,"
	" handler = excluded.handler, sqlstate = excluded.sqlstate, message = excluded.message,"
	" letter_topic = excluded.letter_topic, letter_partition = excluded.letter_partition,"
	" letter_offset = excluded.letter_offset, refusal = excluded.refusal, key = excluded.key,"
	" value = excluded.value, header_names = excluded.header_names,"
	" header_values = excluded.header_values, created_at = transaction_timestamp(),"
	" redriven_at = NULL"};

/* For a transaction: who logs or reads it sees whose events it applies. */
static const PgStatement trace_statements[] = {
	[PG_TRACE_APPLICATION_NAME] =
		{"outbox_trace", "SELECT pg_catalog.set_config('outbox.traceparent', $1::text, true),"
						 " pg_catalog.set_config('application_name', $1::text, true)"},
	[PG_TRACE_SETTING] = {"outbox_trace",
						  "SELECT pg_catalog.set_config('outbox.traceparent', $1::text, true)"},
};

#define STATEMENT_COUNT (sizeof(statements) / sizeof(statements[0]))

static bool
add_step(PgTarget *target, PgStepKind kind, int handler)
{
	if (target->step_count == target->step_room)
	{
		int room = target->step_room == 0 ? 16 : target->step_room * 2;
		PgStep *steps = realloc(target->steps, (size_t) room * sizeof(*steps));

		if (steps == NULL)
			return false;
		target->steps = steps;
		target->step_room = room;
	}
	target->steps[target->step_count++] = (PgStep){kind, handler};
	return true;
}

static void
begin_pipeline(PgTarget *target)
{
	target->step_count = 0;
	target->at = 0;
	target->in_step = false;
}

static bool
end_pipeline(PgTarget *target)
{
	if (PQpipelineSync(target->conn) != 1)
		return false;
	target->flushing = true;
	return true;
}

static bool
send_text(PgTarget *target, PgStepKind kind, const char *sql, int count, const char *const *values)
{
	return add_step(target, kind, -1) &&
		   PQsendQueryParams(target->conn, sql, count, NULL, values, NULL, NULL, 0) == 1;
}

static bool
send_prepared(PgTarget *target, PgStepKind kind, int handler, const char *name)
{
	const PgParams *params = &target->params;

	return add_step(target, kind, handler) &&
		   PQsendQueryPrepared(target->conn, name, params->count, params->values, params->lengths,
							   params->formats, 0) == 1;
}

static bool
send_prepare_handler(PgTarget *target, int index)
{
	const Handler *handler = &target->config.handlers->items[index];
	Oid types[HANDLER_PARAMS_MAX];
	char name[PG_HANDLER_NAME_SIZE];

	pg_handler_name(name, index);
	pg_handler_types(handler, types);
	return add_step(target, PG_STEP_PREPARE_HANDLER, index) &&
		   PQsendPrepare(target->conn, name, handler->sql, handler->param_count, types) == 1;
}

/* Some that speak the protocol have no timelines: that they can't say it is no failure. */
bool
pg_send_identify(PgTarget *target)
{
	begin_pipeline(target);
	return send_text(target, PG_STEP_IDENTIFY,
					 "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()),"
					 " pg_catalog.left(pg_catalog.pg_walfile_name("
					 "pg_catalog.pg_current_wal_insert_lsn()), 8)",
					 0, NULL) &&
		   end_pipeline(target);
}

bool
pg_send_setup(PgTarget *target)
{
	char statement_timeout[24];
	char idle_timeout[24];
	const char *values[2] = {statement_timeout, idle_timeout};

	begin_pipeline(target);
	snprintf(statement_timeout, sizeof(statement_timeout), "%lld",
			 (long long) (target->config.statement_timeout_usec / USEC_PER_MS));
	snprintf(idle_timeout, sizeof(idle_timeout), "%lld",
			 (long long) (target->config.batch_timeout_usec / USEC_PER_MS));
	/*
	 * A host that is gone without a word must not hold the progress rows for
	 * hours: the server asks for it, and ends its transaction where it can.
	 */
	if (!send_text(target, PG_STEP_SETTINGS,
				   "SELECT pg_catalog.set_config(s.name, w.value, false)"
				   " FROM pg_catalog.pg_settings AS s JOIN (VALUES"
				   " ('statement_timeout', $1::text),"
				   " ('idle_in_transaction_session_timeout', $2::text),"
				   " ('transaction_timeout', $2::text),"
				   " ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'),"
				   " ('tcp_keepalives_count', '3'), ('tcp_user_timeout', '25000'))"
				   " AS w (name, value) ON s.name = w.name",
				   2, values) ||
		!send_text(target, PG_STEP_VERSION, "SELECT outbox_inbox.version()", 0, NULL))
		return false;
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
	{
		if (!add_step(target, PG_STEP_PREPARE, -1) ||
			PQsendPrepare(target->conn, statements[i].name, statements[i].sql, 0, NULL) != 1)
			return false;
	}
	if (target->config.trace != PG_TRACE_OFF &&
		(!add_step(target, PG_STEP_PREPARE, -1) ||
		 PQsendPrepare(target->conn, "outbox_trace", trace_statements[target->config.trace].sql, 0,
					   NULL) != 1))
		return false;
	if (target->config.handlers->dead_letters &&
		(!add_step(target, PG_STEP_PREPARE, -1) ||
		 PQsendPrepare(target->conn, letter_statement.name, letter_statement.sql, 0, NULL) != 1))
		return false;
	for (int i = 0; i < target->config.handlers->count; i++)
	{
		if (!send_prepare_handler(target, i))
			return false;
	}
	return end_pipeline(target);
}

/*
 * With one snapshot: positions of a commit that the progress lacks would make repetitions of events
 * that aren't applied, when a fail-over loses that commit.
 */
bool
pg_send_read(PgTarget *target, const TargetPlace *places, size_t count)
{
	begin_pipeline(target);
	return send_text(target, PG_STEP_READ_BEGIN, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
					 0, NULL) &&
		   pg_encode_places(&target->params, target->config.group, places, count) &&
		   send_prepared(target, PG_STEP_READ_PROGRESS, -1, "outbox_read_progress") &&
		   send_prepared(target, PG_STEP_READ_POSITIONS, -1, "outbox_read_positions") &&
		   send_text(target, PG_STEP_READ_END, "COMMIT", 0, NULL) && end_pipeline(target) &&
		   !FAILPOINT("progress-asked");
}

/* Whether a batch has something for a handler. */
static bool
handler_has_work(const Handler *handler, const TargetApply *apply)
{
	const Batch *batch = apply->batch;

	for (size_t i = batch->head; i < batch->head + apply->count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (handler->takes[record->topic] && batch_record_runs(record))
			return true;
	}
	return false;
}

static bool
send_handlers(PgTarget *target, const TargetApply *apply)
{
	const Handlers *handlers = target->config.handlers;

	for (int i = 0; i < handlers->count; i++)
	{
		char name[PG_HANDLER_NAME_SIZE];

		if (!handler_has_work(&handlers->items[i], apply))
			continue;
		pg_handler_name(name, i);
		if (!pg_encode_handler(&target->params, &handlers->items[i], apply) ||
			!send_prepared(target, PG_STEP_HANDLER, i, name) || FAILPOINT("handler-queued"))
			return false;
	}
	return true;
}

/* What is applied by position is recorded before ids are judged: they may be the same. */
static bool
send_records(PgTarget *target, const TargetApply *apply)
{
	const Handlers *handlers = target->config.handlers;
	bool wanted;

	for (int topic = 0; topic < handlers->topic_count; topic++)
	{
		if (!pg_encode_ids(&target->params, target->config.group, target->config.retention_usec,
						   handlers, topic, apply, &wanted) ||
			(wanted && !send_prepared(target, PG_STEP_RECORD, -1, "outbox_record")))
			return false;
	}
	return true;
}

static size_t
count_dropped(const TargetApply *apply)
{
	const Batch *batch = apply->batch;
	size_t dropped = 0;

	for (size_t i = batch->head; i < batch->head + apply->count; i++)
		dropped += batch->records[i].dropped;
	return dropped;
}

/* Forgets what an earlier attempt found; whether ids have to be judged. */
static bool
begin_judging(const TargetApply *apply)
{
	Batch *batch = apply->batch;
	bool any = false;

	for (size_t i = batch->head; i < batch->head + apply->count; i++)
	{
		batch->records[i].known = false;
		any = any || batch_record_is_judged(&batch->records[i]);
	}
	return any;
}

/* The first that somebody records, else the first; the NULL view: there is none. */
static ByteView
find_trace(const TargetApply *apply)
{
	const Batch *batch = apply->batch;
	ByteView first = {NULL, 0};

	for (size_t i = batch->head; i < batch->head + apply->count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (record->traceparent.data == NULL || !batch_record_runs(record))
			continue;
		if (traceparent_is_sampled(record->traceparent))
			return record->traceparent;
		if (first.data == NULL)
			first = record->traceparent;
	}
	return first;
}

static bool
send_trace(PgTarget *target, const TargetApply *apply)
{
	ByteView trace = {NULL, 0};
	char text[TRACEPARENT_LEN + 1];
	const char *values[1] = {text};

	if (target->config.trace != PG_TRACE_OFF)
		trace = find_trace(apply);
	if (trace.data == NULL)
		return true;
	snprintf(text, sizeof(text), "%.*s", (int) trace.len, (const char *) trace.data);
	return add_step(target, PG_STEP_TRACE, -1) &&
		   PQsendQueryPrepared(target->conn, "outbox_trace", 1, values, NULL, NULL, 0) == 1;
}

static bool
send_rest(PgTarget *target)
{
	const TargetApply *apply = &target->apply;
	size_t count;

	if (!send_handlers(target, apply) ||
		(apply->position_count > 0 &&
		 (!pg_encode_positions(&target->params, target->config.group, apply) ||
		  !send_prepared(target, PG_STEP_POSITIONS, -1, "outbox_positions"))) ||
		!pg_encode_forgotten(&target->params, target->config.group, target->config.handlers, apply,
							 &count) ||
		(count > 0 && !send_prepared(target, PG_STEP_FORGET, -1, "outbox_forget")))
		return false;
	if (apply->letter != NULL &&
		(!pg_encode_letter(&target->params, target->config.group, apply->letter) ||
		 !send_prepared(target, PG_STEP_LETTER, -1, letter_statement.name)))
		return false;
	return !FAILPOINT("commit-due") && send_text(target, PG_STEP_COMMIT, "COMMIT", 0, NULL) &&
		   end_pipeline(target) && !FAILPOINT("commit-sent");
}

bool
pg_send_apply(PgTarget *target, const TargetApply *apply)
{
	begin_pipeline(target);
	target->apply = *apply;
	target->claiming = begin_judging(apply);
	target->claim_dropped = count_dropped(apply);
	if (!send_text(target, PG_STEP_BEGIN, "BEGIN ISOLATION LEVEL READ COMMITTED", 0, NULL) ||
		!send_trace(target, apply) || FAILPOINT("begin-queued") ||
		!pg_encode_moves(&target->params, target->config.group, apply) ||
		!send_prepared(target, PG_STEP_ADVANCE, -1, "outbox_advance") ||
		!send_records(target, apply))
		return false;
	if (!target->claiming)
		return send_rest(target);
	return pg_encode_claims(&target->params, target->config.group, target->config.retention_usec,
							target->config.handlers, apply) &&
		   send_prepared(target, PG_STEP_CLAIM, -1, "outbox_claim") && end_pipeline(target) &&
		   !FAILPOINT("ids-sent");
}

bool
pg_send_apply_rest(PgTarget *target)
{
	begin_pipeline(target);
	return send_rest(target);
}

bool
pg_apply_changed(const PgTarget *target)
{
	return count_dropped(&target->apply) != target->claim_dropped;
}

bool
pg_send_probe(PgTarget *target)
{
	begin_pipeline(target);
	return send_text(target, PG_STEP_PROBE,
					 "SELECT pg_catalog.current_setting('transaction_read_only')", 0, NULL) &&
		   end_pipeline(target);
}

bool
pg_send_rotate(PgTarget *target)
{
	begin_pipeline(target);
	return send_text(target, PG_STEP_ROTATE, "SELECT outbox_inbox.rotate()", 0, NULL) &&
		   end_pipeline(target);
}

bool
pg_send_rollback(PgTarget *target)
{
	begin_pipeline(target);
	return send_text(target, PG_STEP_ROLLBACK, "ROLLBACK", 0, NULL) && end_pipeline(target);
}
