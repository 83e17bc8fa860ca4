/*
 * pg_registry.c
 *	  The ordinary connection to the source database.
 *
 * Refuses nothing; the server may.
 *
 * Invariants: one statement is under way at a time; replies come in the order of
 * the jobs; a server that says nothing for JOB_TIMEOUT_USEC, while the owner waits for an
 * answer or for the next row, has lost the connection.
 */
#include "pg_registry_intern.h"

#include "exit_codes.h"
#include "pg_error.h"
#include "pg_registry_sql.h"
#include "pg_row.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOB_TIMEOUT_USEC (60 * USEC_PER_SEC)
#define PREFIX_57P "57P" /* the server lets us go */

/* An error that comes while nothing runs is given as a notice. */
static void
take_notice(void *arg, const PGresult *result)
{
	PgRegistry *registry = arg;
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (sqlstate == NULL || strncmp(sqlstate, PREFIX_57P, strlen(PREFIX_57P)) != 0)
		return;
	registry->farewell = true;
	pg_error_result(&registry->farewell_error, result, "keep the connection to PostgreSQL");
}

PgRegistry *
registry_open(const RelayConfig *config, MonoUsec now, Error *error)
{
	PgRegistry *registry = calloc(1, sizeof(*registry));
	const char *params[] = {config->slot};

	if (registry == NULL || !registry_add_job(registry, REGISTRY_SETUP, SQL_SETUP, -1, params, 1) ||
		(!config->registration_locked &&
		 !registry_add_job(registry, REGISTRY_SETUP, SQL_SHARE_REGISTRATION, -1, params, 1)))
	{
		error_bug(error, "out of memory");
		registry_free(registry);
		return NULL;
	}
	snprintf(registry->slot, sizeof(registry->slot), "%s", config->slot);
	snprintf(registry->publication, sizeof(registry->publication), "%s", config->publication);
	if (!pg_link_start(&registry->link, config->conninfo, false, PG_LINK_ANY_HOST, now, error))
	{
		registry_free(registry);
		return NULL;
	}
	pg_link_take_notices(&registry->link, take_notice, registry);
	return registry;
}

void
registry_free(PgRegistry *registry)
{
	if (registry == NULL)
		return;
	for (int i = 0; i < registry->count; i++)
		registry_free_job(&registry->jobs[(registry->first + i) % JOBS_MAX]);
	PQclear(registry->row_result);
	pg_link_close(&registry->link);
	free(registry->routing);
	free(registry->snapshot);
	free(registry->topics);
	free(registry);
}

int
registry_host(const PgRegistry *registry)
{
	return registry->link.host;
}

int
registry_fd(const PgRegistry *registry)
{
	return pg_link_fd(&registry->link);
}

short
registry_events(const PgRegistry *registry)
{
	if (!registry->connected)
		return registry->link.wants;
	return registry->output_waits ? POLLIN | POLLOUT : POLLIN;
}

MonoUsec
registry_wake_at(const PgRegistry *registry)
{
	if (!registry->connected)
		return registry->link.deadline;
	if (registry->running)
		return registry->deadline;
	return registry->count > 0 ? 0 : MONO_NEVER;
}

const RelayFacts *
registry_facts(const PgRegistry *registry)
{
	return &registry->facts;
}

const char *
registry_routing(const PgRegistry *registry)
{
	return registry->routing;
}

int
registry_topic_count(const PgRegistry *registry)
{
	return registry->topic_count;
}

const char *
registry_topic(const PgRegistry *registry, int index, uint32_t *partitions)
{
	*partitions = registry->topics[index].partitions;
	return registry->topics[index].name;
}

/* -------------------------------------------------------------------------
 * results
 * -------------------------------------------------------------------------
 */

static bool
flag(const PGresult *result, int column)
{
	return PQgetvalue(result, 0, column)[0] == 't';
}

static uint32_t
number(const PGresult *result, int row, int column)
{
	return (uint32_t) strtoul(PQgetvalue(result, row, column), NULL, 10);
}

static PgLsn
lsn_value(const PGresult *result, int column)
{
	const char *text = PQgetvalue(result, 0, column);
	PgLsn lsn;

	return lsn_parse(text, strlen(text), &lsn) ? lsn : LSN_INVALID;
}

static void
read_publication(RelayFacts *facts, const PGresult *result, int column)
{
	facts->publication_found = flag(result, column);
	snprintf(facts->publication_problem, sizeof(facts->publication_problem), "%s",
			 PQgetvalue(result, 0, column + 1));
}

/* -1: null */
static int64_t
size_value(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? -1 : strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

static SlotFacts
read_slot(const PGresult *result)
{
	SlotFacts slot = {
		.found = flag(result, 0),
		.safe_wal_size = size_value(result, 2),
		.retained = size_value(result, 3),
		.unconfirmed = size_value(result, 4),
		.server_end = lsn_value(result, 5),
		.gap_open = flag(result, 6),
	};

	snprintf(slot.wal_status, sizeof(slot.wal_status), "%s", PQgetvalue(result, 0, 1));
	return slot;
}

static void
read_server(PgRegistry *registry, const PGresult *result)
{
	RelayFacts *facts = &registry->facts;

	*facts = (RelayFacts){
		.server_version = (int) number(result, 0, 0),
		.in_recovery = flag(result, 1),
		.wal_sender_timeout_ms = number(result, 0, 3),
		.extension_found = flag(result, 4),
		.slot_found = flag(result, 5),
		.slot_here = flag(result, 6),
		.slot_lost = flag(result, 7),
		.slot_pid = (int) number(result, 0, 8),
		.slot_confirmed = lsn_value(result, 9),
	};
	snprintf(facts->wal_level, sizeof(facts->wal_level), "%s", PQgetvalue(result, 0, 2));
	read_publication(facts, result, 10);
	facts->dead_letters_found = flag(result, 12);
	facts->dead_letters_readable = flag(result, 13);
	facts->dead_letters_writable = flag(result, 14);
	facts->slot_synced = flag(result, 15);
	facts->server_timeline = number(result, 0, 16);
	snprintf(facts->started, sizeof(facts->started), "%s", PQgetvalue(result, 0, 17));
}

static bool
read_registration(PgRegistry *registry, const PGresult *result, Error *error)
{
	RelayFacts *facts = &registry->facts;
	const char *state;

	free(registry->routing);
	registry->routing = NULL;
	if (PQntuples(result) != 1)
		return true;
	state = PQgetvalue(result, 0, 0);
	facts->registered = true;
	facts->creating = strcmp(state, "creating") == 0;
	facts->backfill = strcmp(state, "backfill") == 0;
	facts->generation = number(result, 0, 1);
	snprintf(facts->source_id, sizeof(facts->source_id), "%s", PQgetvalue(result, 0, 2));
	snprintf(facts->system_identifier, sizeof(facts->system_identifier), "%s",
			 PQgetvalue(result, 0, 3));
	facts->timeline = number(result, 0, 4);
	facts->start_lsn = lsn_value(result, 5);
	facts->mark_lsn = lsn_value(result, 6);
	snprintf(facts->last_position, sizeof(facts->last_position), "%s", PQgetvalue(result, 0, 7));
	facts->wal_messages = flag(result, 8);
	facts->messages_before = facts->wal_messages ? UINT64_MAX : lsn_value(result, 9);
	facts->gap_open = flag(result, 10);
	facts->delivery_recorded = flag(result, 13);
	facts->exactly_once = !PQgetisnull(result, 0, 14) && number(result, 0, 14) == facts->generation;
	facts->behind_mark_since_ms = size_value(result, 15);
	facts->routing_kept = flag(result, 11);
	if (PQgetisnull(result, 0, 12))
		return true;
	registry->routing = strdup(PQgetvalue(result, 0, 12));
	return registry->routing != NULL || error_bug(error, "out of memory");
}

static bool
read_heartbeat(PgRegistry *registry, const PGresult *result, HeartbeatReply *heartbeat,
			   Error *error)
{
	free(registry->snapshot);
	registry->snapshot = strdup(PQgetvalue(result, 0, 1));
	*heartbeat = (HeartbeatReply){.snapshot = registry->snapshot,
								  .lsn = lsn_value(result, 0),
								  .at = strtoll(PQgetvalue(result, 0, 2), NULL, 10)};
	return registry->snapshot != NULL || error_bug(error, "out of memory");
}

static bool
read_topics(PgRegistry *registry, const PGresult *result, Error *error)
{
	int count = PQntuples(result);

	free(registry->topics);
	registry->topic_count = 0;
	registry->topics = calloc(count > 0 ? (size_t) count : 1, sizeof(*registry->topics));
	if (registry->topics == NULL)
		return error_bug(error, "out of memory");
	for (int i = 0; i < count; i++)
	{
		snprintf(registry->topics[i].name, sizeof(registry->topics[i].name), "%s",
				 PQgetvalue(result, i, 0));
		registry->topics[i].partitions = number(result, i, 1);
	}
	registry->topic_count = count;
	return true;
}

/* Fills the reply of a job that succeeded; false: no reply is due. */
static bool
read_result(PgRegistry *registry, const Job *job, const PGresult *result, RegistryReply *reply)
{
	const char *params[] = {registry->slot};
	bool more = true;

	switch (job->kind)
	{
		case REGISTRY_SETUP:
			return false;
		case REGISTRY_SERVER:
			read_server(registry, result);
			reply->job = REGISTRY_FACTS;
			if (!registry->facts.extension_found)
				return true;
			more = registry_add_job(registry, REGISTRY_REGISTRATION, SQL_REGISTRATION, -1, params,
									1) &&
				   registry_add_job(registry, REGISTRY_FACTS, SQL_TOPICS, -1, params, 1);
			if (!more)
				reply->failed = !error_bug(&reply->error, "out of memory");
			return !more;
		case REGISTRY_REGISTRATION:
			reply->job = REGISTRY_FACTS;
			reply->failed = !read_registration(registry, result, &reply->error);
			return reply->failed;
		case REGISTRY_LAST_LETTER:
			registry_read_last_letter(registry, result);
			reply->job = REGISTRY_FACTS;
			return true;
		case REGISTRY_FACTS:
			reply->failed = !read_topics(registry, result, &reply->error);
			if (reply->failed || !registry->facts.registered ||
				!registry->facts.dead_letters_readable)
				return true;
			if (registry_ask_last_letter(registry))
				return false;
			reply->failed = !error_bug(&reply->error, "out of memory");
			return true;
		case REGISTRY_DEAD_LETTER:
			reply->u.receipt = registry_receipt(job);
			return true;
		case REGISTRY_PUBLICATION:
			read_publication(&registry->facts, result, 0);
			return true;
		case REGISTRY_HEARTBEAT:
			reply->failed = !read_heartbeat(registry, result, &reply->u.heartbeat, &reply->error);
			return true;
		case REGISTRY_SLOT_FACTS:
			reply->u.slot = read_slot(result);
			return true;
		case REGISTRY_TOPIC:
			reply->rows = PQgetisnull(result, 0, 0) ? 0 : 1;
			reply->u.partitions = reply->rows > 0 ? number(result, 0, 0) : 0;
			return true;
		case REGISTRY_FLUSHED:
			reply->u.server_end = lsn_value(result, 0);
			return true;
		case REGISTRY_SLOT:
			reply->u.slot_pid = PQntuples(result) > 0 ? (int) number(result, 0, 0) : 0;
			return true;
		case REGISTRY_LEAF_SIZE:
			reply->u.blocks = number(result, 0, 0);
			return true;
		case REGISTRY_MARK:
			reply->rows = (uint64_t) PQntuples(result);
			if (reply->rows > 0)
				reply->u.server_end = lsn_value(result, 0);
			return true;
		default:
			reply->rows = strtoull(PQcmdTuples((PGresult *) result), NULL, 10);
			return true;
	}
}

/* The job that runs is over. */
static void
end_job(PgRegistry *registry)
{
	registry_free_job(&registry->jobs[registry->first]);
	registry->first = (registry->first + 1) % JOBS_MAX;
	registry->count--;
	registry->running = false;
}

static bool
start_job(PgRegistry *registry, Error *error)
{
	const Job *job = &registry->jobs[registry->first];
	PGconn *conn = registry->link.conn;
	bool rows = job->kind == REGISTRY_LEAF_ROWS;

	if (PQsendQueryParams(conn, job->sql, job->param_count, NULL, (const char *const *) job->params,
						  job->lengths, job->formats, rows ? 1 : 0) != 1)
		return pg_error_lost(error, conn, "send a statement");
	if (rows && PQsetSingleRowMode(conn) != 1)
		return error_bug(error, "could not ask for single rows");
	registry->running = true;
	registry->job_failed = false;
	registry->output_waits = true;
	registry->deadline = MONO_NEVER;
	return !registry_loses_job(job, error);
}

/* IO_OK: a reply; IO_END: the job is over and had none; IO_AGAIN; IO_FAILED. */
static IoResult
run_job(PgRegistry *registry, RegistryReply *reply, Error *error)
{
	PGconn *conn = registry->link.conn;
	Job *job = &registry->jobs[registry->first];

	while (!PQisBusy(conn))
	{
		PGresult *result = PQgetResult(conn);
		ExecStatusType status;

		if (result == NULL)
		{
			bool due = registry->job_failed;

			reply->failed = registry->job_failed;
			reply->error = registry->job_error;
			if (job->kind == REGISTRY_TOPIC)
				snprintf(reply->topic, sizeof(reply->topic), "%s", job->params[PARAM_TOPIC]);
			/* Whoever asked for the facts hears that they can't be had. */
			if (due && job->kind < REGISTRY_FACTS)
				reply->job = REGISTRY_FACTS;
			if (!due && registry->row_result != NULL)
				due = read_result(registry, job, registry->row_result, reply);
			PQclear(registry->row_result);
			registry->row_result = NULL;
			end_job(registry);
			return due ? IO_OK : IO_END;
		}
		status = PQresultStatus(result);
		PQclear(registry->row_result);
		registry->row_result = result;
		if (status == PGRES_SINGLE_TUPLE)
		{
			reply->u.row = &registry->row;
			reply->failed = !pg_row_read(&registry->row, result, &reply->error);
			return IO_OK;
		}
		if (status == PGRES_FATAL_ERROR)
		{
			pg_error_result(&reply->error, result, "run a statement");
			if (PQstatus(conn) == CONNECTION_BAD ||
				strncmp(reply->error.sqlstate, PREFIX_57P, strlen(PREFIX_57P)) == 0)
			{
				*error = reply->error;
				error->error_class = ERROR_CLASS_TRANSIENT;
				return IO_FAILED;
			}
			registry->job_failed = true;
			registry->job_error = reply->error;
		}
	}
	return IO_AGAIN;
}

/* Of a large row, perhaps. */
static bool
something_came(const PgRegistry *registry)
{
	struct pollfd ready = {PQsocket(registry->link.conn), POLLIN, 0};

	return poll(&ready, 1, 0) > 0;
}

/* The owner looked in vain, for too long.  While it doesn't look the server may wait for it. */
static bool
is_late(PgRegistry *registry, IoResult io, MonoUsec now)
{
	if (io != IO_AGAIN)
		registry->deadline = MONO_NEVER;
	else if (registry->deadline == MONO_NEVER)
		registry->deadline = now + JOB_TIMEOUT_USEC;
	return io == IO_AGAIN && now >= registry->deadline;
}

IoResult
registry_next(PgRegistry *registry, MonoUsec now, RegistryReply *reply, Error *error)
{
	PGconn *conn = registry->link.conn;

	if (!registry->connected)
	{
		IoResult io = pg_link_poll(&registry->link, now, error);

		if (io != IO_OK)
			return io;
		registry->connected = true;
	}
	for (;;)
	{
		IoResult io;
		bool lost;
		int rest;

		if (!registry->running && registry->count > 0 && !start_job(registry, error))
			return IO_FAILED;
		if (registry->deadline != MONO_NEVER && something_came(registry))
			registry->deadline = MONO_NEVER;
		rest = PQflush(conn);
		registry->output_waits = rest > 0;
		lost = rest < 0 || PQconsumeInput(conn) != 1;
		/* Has what came read, and take_notice() called, even when nothing runs. */
		if (!registry->running)
			(void) PQisBusy(conn);
		if (lost || registry->farewell)
		{
			if (registry->farewell)
				*error = registry->farewell_error;
			else
				pg_error_lost(error, conn, "keep the connection to PostgreSQL");
			return IO_FAILED;
		}
		if (!registry->running)
			return IO_AGAIN;
		*reply = (RegistryReply){.job = registry->jobs[registry->first].kind};
		io = run_job(registry, reply, error);
		if (is_late(registry, io, now))
		{
			error_transient(error, "the server doesn't answer a statement");
			return IO_FAILED;
		}
		if (io != IO_END)
			return io;
	}
}
