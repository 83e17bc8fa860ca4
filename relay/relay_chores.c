/*
 * relay_chores.c
 *	  What goes over the ordinary connection while the relay streams: marks,
 *	  heartbeats, maintenance, a look at the publication.
 *
 * Invariants: one mark is under way at a time, and the pump hears of it only after
 * its commit; nothing here writes when nothing happened: a mark needs events or
 * much WAL of others, a heartbeat needs events.
 */
#include "relay_intern.h"

#include "failpoint.h"

#include <stdio.h>
#include <string.h>

#define JOB_LOG_USEC (60 * USEC_PER_SEC)

bool
relay_start_mark(Relay *relay, bool force, MonoUsec now)
{
	char position[POSITION_TEXT_SIZE];
	MarkRequest request;

	if (relay->mark_in_flight || relay->registry == NULL ||
		!pump_mark_wanted(relay->pump, force, now, &relay->mark))
		return false;
	request = (MarkRequest){
		.generation = relay->facts.generation,
		.mark_lsn = relay->mark.mark_lsn,
		.heartbeat_snapshot = relay->mark.heartbeat_snapshot,
		.heartbeat_at = relay->mark.heartbeat_at,
	};
	if (relay->mark.has_last)
	{
		position_format(relay->facts.source_id, &relay->mark.last, position);
		request.last_position = position;
	}
	if (FAILPOINT("mark-due"))
		return false;
	relay->mark_in_flight = registry_mark(relay->registry, &request);
	return relay->mark_in_flight;
}

static void
start_heartbeat(Relay *relay, MonoUsec now)
{
	uint64_t published = pump_stats(relay->pump)->events_published;

	if (relay->heartbeat_in_flight || published == relay->heartbeat_events ||
		now < relay->heartbeat_at)
		return;
	relay->heartbeat_at = now + relay->config->heartbeat_interval_usec;
	relay->heartbeat_in_flight = registry_heartbeat(relay->registry);
	if (relay->heartbeat_in_flight)
		relay->heartbeat_events = published;
}

static void
start_maintenance(Relay *relay, MonoUsec now)
{
	if (relay->config->maintain_interval_usec == 0 || relay->maintain_in_flight ||
		now < relay->maintain_at)
		return;
	relay->maintain_at = now + relay->config->maintain_interval_usec;
	relay->maintain_in_flight = registry_maintain(relay->registry);
}

/*
 * A publication that was altered under the stream lets no event through any more, and
 * nothing in the stream tells of it.
 */
static void
look_at_publication(Relay *relay, MonoUsec now)
{
	if (relay->publication_in_flight || now < relay->publication_at)
		return;
	relay->publication_at = now + PUBLICATION_USEC;
	relay->publication_in_flight = registry_look_at_publication(relay->registry);
}

static void
take_publication(Relay *relay, const RegistryReply *reply, MonoUsec now)
{
	Error error;

	relay->publication_in_flight = false;
	error_clear(&error);
	if (reply->failed || relay->state != RELAY_STREAMING ||
		relay_check_publication(registry_facts(relay->registry), relay->config->publication,
								&error))
		return;
	relay_fail(relay, &error, now);
}

void
relay_chores_step(Relay *relay, MonoUsec now)
{
	(void) relay_start_mark(relay, false, now);
	look_at_publication(relay, now);
	relay_slot_look(relay, now);
	start_heartbeat(relay, now);
	start_maintenance(relay, now);
}

static MonoUsec
earlier(MonoUsec a, MonoUsec b)
{
	return a < b ? a : b;
}

MonoUsec
relay_chores_wake_at(const Relay *relay)
{
	MonoUsec wake_at = MONO_NEVER;

	if (!relay->mark_in_flight)
		wake_at = earlier(wake_at, pump_mark_wake_at(relay->pump));
	if (!relay->heartbeat_in_flight &&
		pump_stats(relay->pump)->events_published != relay->heartbeat_events)
		wake_at = earlier(wake_at, relay->heartbeat_at);
	if (!relay->publication_in_flight)
		wake_at = earlier(wake_at, relay->publication_at);
	wake_at = earlier(wake_at, relay_slot_wake_at(relay));
	if (!relay->maintain_in_flight && relay->config->maintain_interval_usec > 0)
		wake_at = earlier(wake_at, relay->maintain_at);
	return wake_at;
}

static void
complain(Relay *relay, const Error *error, const char *doing, MonoUsec now)
{
	unsigned long repeated;
	char count[LOG_COUNT_SIZE];

	relay_note_error(relay, error);
	if (log_repeat_pass(&relay->job_log, error->message, now, JOB_LOG_USEC, &repeated))
		log_error(LOG_LEVEL_WARNING, error, "job", doing, "repeated", log_count(repeated, count),
				  NULL);
}

static void
take_mark(Relay *relay, const RegistryReply *reply, MonoUsec now)
{
	Error error = reply->error;

	relay->mark_in_flight = false;
	if (reply->failed)
	{
		bool bad_value = strncmp(error.sqlstate, "22", 2) == 0;

		pump_mark_failed(relay->pump, bad_value, now);
		if (error.error_class == ERROR_CLASS_TRANSIENT)
			complain(relay, &error, "mark", now);
		else
			relay_fail(relay, &error, now);
		return;
	}
	if (reply->rows == 0)
	{
		pump_mark_failed(relay->pump, false, now);
		relay_fail_unregistered(relay, now);
		return;
	}
	pump_marked(relay->pump, &relay->mark, now);
	relay_server_at(relay, reply->u.server_end, now);
	relay->memory.mark_lsn = pump_durable(relay->pump);
	if (FAILPOINT_ERROR("mark-taken", &error))
		relay_fail(relay, &error, now);
}

/* An error is the end of the connection, before the answer is seen. */
static bool
misses_answer(const RegistryReply *reply, Error *error)
{
	switch (reply->job)
	{
		case REGISTRY_MARK:
			return FAILPOINT_ERROR("mark-committed", error);
		case REGISTRY_HEARTBEAT:
			return FAILPOINT_ERROR("heartbeat-committed", error);
		case REGISTRY_DEAD_LETTER:
			return FAILPOINT_ERROR("letter-committed", error);
		case REGISTRY_ROUTING:
			return FAILPOINT_ERROR("routing-committed", error);
		case REGISTRY_DELIVERY:
			return FAILPOINT_ERROR("delivery-committed", error);
		case REGISTRY_TOPIC:
			return FAILPOINT_ERROR("topic-committed", error);
		case REGISTRY_READY:
			return FAILPOINT_ERROR("backfill-committed", error);
		case REGISTRY_FACTS:
			return FAILPOINT_ERROR("facts-read", error);
		default:
			return false;
	}
}

void
relay_take_reply(Relay *relay, const RegistryReply *reply, MonoUsec now)
{
	Error missed;

	error_clear(&missed);
	if (misses_answer(reply, &missed))
	{
		relay_fail(relay, &missed, now);
		return;
	}
	switch (reply->job)
	{
		case REGISTRY_MARK:
			take_mark(relay, reply, now);
			return;
		case REGISTRY_HEARTBEAT:
			relay->heartbeat_in_flight = false;
			/* One that came to nothing, or too early to see what was published, comes again. */
			if (reply->failed || !pump_heartbeat(relay->pump, reply->u.heartbeat.snapshot,
												 reply->u.heartbeat.lsn, reply->u.heartbeat.at))
				relay->heartbeat_events = UINT64_MAX;
			break;
		case REGISTRY_MAINTAIN:
			relay->maintain_in_flight = false;
			/* Somebody holds a lock: the next call will do. */
			if (reply->failed && strcmp(reply->error.sqlstate, "55P03") == 0)
				return;
			break;
		case REGISTRY_PUBLICATION:
			take_publication(relay, reply, now);
			break;
		case REGISTRY_SLOT_FACTS:
			relay_slot_take(relay, reply, now);
			break;
		case REGISTRY_DEAD_LETTER:
			relay_take_burial(relay, reply, now);
			return;
		case REGISTRY_ROUTING:
			relay_take_routing(relay, reply, now);
			return;
		case REGISTRY_DELIVERY:
			relay_take_delivery(relay, reply, now);
			return;
		case REGISTRY_TOPIC:
			relay_take_topic(relay, reply, now);
			return;
		case REGISTRY_FACTS:
			if (reply->failed)
				relay_fail(relay, &reply->error, now);
			else
				relay_take_facts(relay, now);
			return;
		case REGISTRY_FLUSHED:
			relay_take_flushed(relay, reply, now);
			return;
		case REGISTRY_SLOT:
			relay_take_slot(relay, reply, now);
			return;
		case REGISTRY_READY:
			if (reply->failed)
				relay_fail(relay, &reply->error, now);
			else
				relay_backfilled(relay, now);
			return;
		default:
			break;
	}
	if (reply->failed)
		complain(relay, &reply->error,
				 reply->job == REGISTRY_HEARTBEAT	  ? "heartbeat"
				 : reply->job == REGISTRY_MAINTAIN	  ? "maintain"
				 : reply->job == REGISTRY_PUBLICATION ? "publication"
				 : reply->job == REGISTRY_SLOT_FACTS  ? "slot"
													  : "timeline",
				 now);
}
