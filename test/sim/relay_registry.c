/*
 * relay_registry.c
 *	  pg_registry.h for the simulation: the ordinary connection.
 *
 * A job reaches the server, is done there, and its answer comes, each after a while; the connection
 * may be lost before, in between, and after.  What a relay sent before it died may be done yet.
 *
 * Refuses jobs of rows from before the slot: there are none in this world.
 */
#include "relay_registry.h"

#include <stdio.h>
#include <string.h>

#define PATIENCE (3 * USEC_PER_SEC)

static bool
is_lost(const PgRegistry *registry)
{
	return registry->lost || (registry->connected && registry->life != world->server.life) ||
		   sim.now >= registry->deadline;
}

bool
registry_is_ready(const PgRegistry *registry)
{
	return registry->answered || is_lost(registry);
}

void
registry_break(PgRegistry *registry)
{
	registry->lost = true;
}

static char *
copy_text(const char *text)
{
	char *copy = text != NULL ? sim_alloc(strlen(text) + 1) : NULL;

	if (copy != NULL)
		memcpy(copy, text, strlen(text) + 1);
	return copy;
}

/* -------------------------------------------------------------------------
 * on the way
 * -------------------------------------------------------------------------
 */

static void send_first(PgRegistry *registry);

static void
come_back(void *object)
{
	PgRegistry *registry = object;

	if (registry->closed || is_lost(registry))
		return;
	registry->answered = true;
	registry->busy = false;
	registry->deadline = MONO_NEVER;
}

/* What may be refused for now, and is tried again. */
static bool
is_refused(const Job *job)
{
	return (job->kind == REGISTRY_MARK || job->kind == REGISTRY_HEARTBEAT ||
			job->kind == REGISTRY_DEAD_LETTER || job->kind == REGISTRY_MAINTAIN ||
			job->kind == REGISTRY_SLOT_FACTS) &&
		   sim_chance(world->loss);
}

static void
arrive(void *object)
{
	PgRegistry *registry = object;
	Job *job = &registry->jobs[registry->first];

	/* The statement of one that died a moment ago may be at the server already. */
	if (registry->lost || registry->life != world->server.life || !world->server.up ||
		(registry->closed && sim_chance(50)))
		return;
	memset(&registry->reply, 0, offsetof(RegistryReply, error));
	error_clear(&registry->reply.error);
	registry->reply.rows = 0;
	memset(&registry->reply.u, 0, sizeof(registry->reply.u));
	registry->reply.job = job->kind;
	if (is_refused(job))
	{
		registry->reply.failed = true;
		error_transient(&registry->reply.error, "made up");
		snprintf(registry->reply.error.sqlstate, sizeof(registry->reply.error.sqlstate), "57014");
	}
	else
		registry_run_job(registry, job, &registry->reply);
	if (sim_chance(world->loss))
	{
		if (sim_chance(50))
			registry->lost = true;
		return; /* or the answer never comes */
	}
	sim_after(some_time(), come_back, registry);
}

static void
send_first(PgRegistry *registry)
{
	if (!registry->connected || registry->busy || registry->answered || registry->count == 0)
		return;
	registry->busy = true;
	registry->deadline = sim.now + PATIENCE;
	sim_after(some_time(), arrive, registry);
}

static void
connect_registry(void *object)
{
	PgRegistry *registry = object;

	if (registry->closed)
		return;
	if (!world->server.up || sim_chance(world->loss))
	{
		registry->lost = true;
		return;
	}
	registry->connected = true;
	registry->life = world->server.life;
	registry->deadline = MONO_NEVER;
	send_first(registry);
}

PgRegistry *
registry_open(const RelayConfig *config, MonoUsec now, Error *error)
{
	PgRegistry *registry = sim_alloc(sizeof(*registry));

	(void) config, (void) now, (void) error;
	registry->relay = world->running;
	registry->deadline = sim.now + PATIENCE;
	world->running->registry = registry;
	sim_after(some_time(), connect_registry, registry);
	return registry;
}

void
registry_free(PgRegistry *registry)
{
	if (registry == NULL)
		return;
	registry->closed = true;
	registry->relay->registry = NULL;
}

IoResult
registry_next(PgRegistry *registry, MonoUsec now, RegistryReply *reply, Error *error)
{
	(void) now;
	if (registry->answered)
	{
		registry->answered = false;
		*reply = registry->reply;
		registry->first = (registry->first + 1) % JOBS;
		registry->count--;
		send_first(registry);
		return IO_OK;
	}
	if (!is_lost(registry))
		return IO_AGAIN;
	registry->lost = true;
	error_transient(error, "the connection is lost");
	return IO_FAILED;
}

int
registry_host(const PgRegistry *registry)
{
	(void) registry;
	return 0;
}

int
registry_fd(const PgRegistry *registry)
{
	(void) registry;
	return 1;
}

short
registry_events(const PgRegistry *registry)
{
	(void) registry;
	return POLLIN;
}

MonoUsec
registry_wake_at(const PgRegistry *registry)
{
	return registry->deadline;
}

/* -------------------------------------------------------------------------
 * jobs
 * -------------------------------------------------------------------------
 */

static bool
add(PgRegistry *registry, Job job)
{
	if (world->dying || registry->count == JOBS)
		return false;
	registry->jobs[(registry->first + registry->count++) % JOBS] = job;
	send_first(registry);
	return true;
}

bool
registry_ask_facts(PgRegistry *registry)
{
	return add(registry, (Job){.kind = REGISTRY_FACTS});
}

bool
registry_mark(PgRegistry *registry, const MarkRequest *request)
{
	Job job = {.kind = REGISTRY_MARK,
			   .lsn = request->mark_lsn,
			   .text = copy_text(request->heartbeat_snapshot)};
	char source_id[SOURCE_ID_MAX + 1];

	job.has_position = request->last_position != NULL;
	SIM_CHECK(!job.has_position ||
				  position_parse(request->last_position, strlen(request->last_position), source_id,
								 &job.position),
			  "a mark with \"%s\"", request->last_position);
	return add(registry, job);
}

bool
registry_set_timeline(PgRegistry *registry, uint32_t generation, uint32_t timeline, PgLsn settled)
{
	(void) generation;
	return add(registry, (Job){.kind = REGISTRY_TIMELINE, .number = timeline, .lsn = settled});
}

bool
registry_ask_flushed(PgRegistry *registry)
{
	return add(registry, (Job){.kind = REGISTRY_FLUSHED});
}

bool
registry_look_at_slot(PgRegistry *registry)
{
	return add(registry, (Job){.kind = REGISTRY_SLOT});
}

bool
registry_record_routing(PgRegistry *registry, uint32_t generation, const char *routing)
{
	(void) generation;
	return add(registry, (Job){.kind = REGISTRY_ROUTING, .text = copy_text(routing)});
}

bool
registry_set_delivery(PgRegistry *registry, uint32_t generation, bool exactly_once)
{
	(void) generation;
	return add(registry, (Job){.kind = REGISTRY_DELIVERY, .flag = exactly_once});
}

bool
registry_record_topic(PgRegistry *registry, uint32_t generation, const char *topic,
					  uint32_t partitions)
{
	Job job = {.kind = REGISTRY_TOPIC, .number = partitions};

	(void) generation;
	snprintf(job.topic, sizeof(job.topic), "%s", topic);
	return add(registry, job);
}

bool
registry_heartbeat(PgRegistry *registry)
{
	return add(registry, (Job){.kind = REGISTRY_HEARTBEAT});
}

bool
registry_maintain(PgRegistry *registry)
{
	return add(registry, (Job){.kind = REGISTRY_MAINTAIN});
}

bool
registry_look_at_publication(PgRegistry *registry)
{
	return add(registry, (Job){.kind = REGISTRY_PUBLICATION});
}

bool
registry_ask_slot_facts(PgRegistry *registry)
{
	return add(registry, (Job){.kind = REGISTRY_SLOT_FACTS});
}

bool
registry_ask_leaf_size(PgRegistry *registry, unsigned leaf)
{
	(void) registry, (void) leaf;
	sim_fail("rows from before the slot were asked for");
}

bool
registry_read_leaf(PgRegistry *registry, unsigned leaf, uint32_t block, uint16_t offset,
				   uint32_t to_block)
{
	(void) block, (void) offset, (void) to_block;
	return registry_ask_leaf_size(registry, leaf);
}

bool
registry_ready(PgRegistry *registry, uint32_t generation)
{
	return registry_ask_leaf_size(registry, generation);
}

bool
registry_dead_letter(PgRegistry *registry, const Poison *poison, LetterForm form)
{
	SIM_CHECK(form == LETTER_AS_IT_IS, "a dead letter in another form than it was");
	return add(registry, (Job){.kind = REGISTRY_DEAD_LETTER, .position = poison->event.position});
}

bool
registry_last_dead_letter(const PgRegistry *registry, DeadLetterReceipt *receipt)
{
	char source_id[SOURCE_ID_MAX + 1];
	const char *text = registry->facts.last_dead_letter;

	return text[0] != '\0' && position_parse(text, strlen(text), source_id, &receipt->position);
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
	int count = 0;

	for (int topic = 0; topic < TOPICS; topic++)
		count += registry->partitions[topic] > 0;
	return count;
}

const char *
registry_topic(const PgRegistry *registry, int index, uint32_t *partitions)
{
	for (int topic = 0; topic < TOPICS; topic++)
	{
		if (registry->partitions[topic] == 0 || index-- > 0)
			continue;
		*partitions = registry->partitions[topic];
		return topic_name(topic);
	}
	return NULL;
}
