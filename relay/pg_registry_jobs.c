/*
 * pg_registry_jobs.c
 *	  The jobs of the ordinary connection: their statements and parameters.
 *
 * Refuses a job when JOBS_MAX wait already.
 *
 * Invariants: a job owns copies of its parameters; nothing is sent here.
 */
#include "pg_registry_intern.h"

#include "failpoint.h"
#include "pg_registry_sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_SIZE 768

void
registry_free_job(Job *job)
{
	for (int i = 0; i < job->param_count; i++)
		free(job->params[i]);
	free(job->text);
	*job = (Job){0};
}

/* Takes params, of which NULL is SQL NULL; sql is a constant, or is built for a leaf. */
bool
registry_add_job(PgRegistry *registry, RegistryJob kind, const char *sql, int leaf,
				 const char *const *params, int param_count)
{
	Job *job;

	if (registry->count == JOBS_MAX)
		return false;
	job = &registry->jobs[(registry->first + registry->count) % JOBS_MAX];
	*job = (Job){.kind = kind, .sql = sql, .param_count = param_count};
	for (int i = 0; i < param_count; i++)
	{
		if (params[i] != NULL && (job->params[i] = strdup(params[i])) == NULL)
		{
			registry_free_job(job);
			return false;
		}
	}
	if (leaf >= 0)
	{
		Buffer text;

		buffer_init(&text, STATEMENT_SIZE);
		buffer_printf(&text, kind == REGISTRY_LEAF_SIZE ? SQL_LEAF_SIZE : SQL_LEAF_ROWS,
					  (unsigned) leaf);
		if (text.failed)
		{
			buffer_free(&text);
			registry_free_job(job);
			return false;
		}
		job->sql = job->text = text.data;
	}
	registry->count++;
	return true;
}

#ifdef OUTBOX_FAILPOINTS
bool
registry_loses_job(const Job *job, Error *error)
{
	switch (job->kind)
	{
		case REGISTRY_MARK:
			return FAILPOINT_ERROR("mark-sent", error);
		case REGISTRY_HEARTBEAT:
			return FAILPOINT_ERROR("heartbeat-sent", error);
		case REGISTRY_DEAD_LETTER:
			return FAILPOINT_ERROR("letter-sent", error);
		case REGISTRY_ROUTING:
			return FAILPOINT_ERROR("routing-sent", error);
		case REGISTRY_DELIVERY:
			return FAILPOINT_ERROR("delivery-sent", error);
		case REGISTRY_TOPIC:
			return FAILPOINT_ERROR("topic-sent", error);
		case REGISTRY_READY:
			return FAILPOINT_ERROR("backfill-sent", error);
		default:
			return false;
	}
}
#endif

bool
registry_ask_facts(PgRegistry *registry)
{
	const char *params[] = {registry->slot, registry->publication};

	return registry_add_job(registry, REGISTRY_SERVER, SQL_SERVER, -1, params, 2);
}

bool
registry_mark(PgRegistry *registry, const MarkRequest *request)
{
	char generation[16];
	char lsn[LSN_TEXT_SIZE];
	char at[24];
	const char *params[] = {
		registry->slot, generation, lsn, request->last_position, request->heartbeat_snapshot, NULL};

	snprintf(generation, sizeof(generation), "%u", request->generation);
	lsn_format(request->mark_lsn, lsn);
	snprintf(at, sizeof(at), "%lld", (long long) request->heartbeat_at);
	if (request->heartbeat_snapshot != NULL)
		params[5] = at;
	return registry_add_job(registry, REGISTRY_MARK, SQL_MARK, -1, params, 6);
}

bool
registry_set_timeline(PgRegistry *registry, uint32_t generation, uint32_t timeline, PgLsn settled)
{
	char generation_text[16];
	char timeline_text[16];
	char lsn[LSN_TEXT_SIZE];
	const char *params[] = {registry->slot, generation_text, timeline_text, lsn};

	snprintf(generation_text, sizeof(generation_text), "%u", generation);
	snprintf(timeline_text, sizeof(timeline_text), "%u", timeline);
	lsn_format(settled, lsn);
	return registry_add_job(registry, REGISTRY_TIMELINE, SQL_TIMELINE, -1, params, 4);
}

bool
registry_ask_flushed(PgRegistry *registry)
{
	return registry_add_job(registry, REGISTRY_FLUSHED, SQL_FLUSHED, -1, NULL, 0);
}

bool
registry_look_at_slot(PgRegistry *registry)
{
	const char *params[] = {registry->slot};

	return registry_add_job(registry, REGISTRY_SLOT, SQL_SLOT, -1, params, 1);
}

bool
registry_record_routing(PgRegistry *registry, uint32_t generation, const char *routing)
{
	char generation_text[16];
	const char *params[] = {registry->slot, generation_text, routing};

	snprintf(generation_text, sizeof(generation_text), "%u", generation);
	return registry_add_job(registry, REGISTRY_ROUTING, SQL_RECORD_ROUTING, -1, params, 3);
}

bool
registry_set_delivery(PgRegistry *registry, uint32_t generation, bool exactly_once)
{
	char generation_text[16];
	const char *params[] = {registry->slot, generation_text, exactly_once ? generation_text : NULL};

	snprintf(generation_text, sizeof(generation_text), "%u", generation);
	return registry_add_job(registry, REGISTRY_DELIVERY, SQL_DELIVERY, -1, params, 3);
}

bool
registry_record_topic(PgRegistry *registry, uint32_t generation, const char *topic,
					  uint32_t partitions)
{
	char generation_text[16];
	char partitions_text[16];
	const char *params[] = {registry->slot, topic, partitions_text, generation_text};

	snprintf(generation_text, sizeof(generation_text), "%u", generation);
	snprintf(partitions_text, sizeof(partitions_text), "%u", partitions);
	return registry_add_job(registry, REGISTRY_TOPIC, SQL_RECORD_TOPIC, -1, params, 4);
}

bool
registry_heartbeat(PgRegistry *registry)
{
	const char *params[] = {registry->slot};

	return registry_add_job(registry, REGISTRY_HEARTBEAT, SQL_HEARTBEAT, -1, params, 1);
}

bool
registry_maintain(PgRegistry *registry)
{
	return registry_add_job(registry, REGISTRY_MAINTAIN, SQL_MAINTAIN, -1, NULL, 0);
}

bool
registry_look_at_publication(PgRegistry *registry)
{
	const char *params[] = {NULL, registry->publication};

	return registry_add_job(registry, REGISTRY_PUBLICATION, SQL_PUBLICATION, -1, params, 2);
}

bool
registry_ask_slot_facts(PgRegistry *registry)
{
	const char *params[] = {registry->slot};

	return registry_add_job(registry, REGISTRY_SLOT_FACTS, SQL_SLOT_FACTS, -1, params, 1);
}

bool
registry_ask_leaf_size(PgRegistry *registry, unsigned leaf)
{
	return registry_add_job(registry, REGISTRY_LEAF_SIZE, NULL, (int) leaf, NULL, 0);
}

bool
registry_read_leaf(PgRegistry *registry, unsigned leaf, uint32_t block, uint16_t offset,
				   uint32_t to_block)
{
	char from_text[24];
	char to_text[24];
	const char *params[] = {registry->slot, from_text, to_text};

	snprintf(from_text, sizeof(from_text), "(%u,%u)", block, (unsigned) offset);
	snprintf(to_text, sizeof(to_text), "(%u,0)", to_block);
	return registry_add_job(registry, REGISTRY_LEAF_ROWS, NULL, (int) leaf, params, 3);
}

bool
registry_ready(PgRegistry *registry, uint32_t generation)
{
	char generation_text[16];
	const char *params[] = {registry->slot, generation_text};

	snprintf(generation_text, sizeof(generation_text), "%u", generation);
	return registry_add_job(registry, REGISTRY_READY, SQL_READY, -1, params, 2);
}
