/*
 * repartition.c
 *	  outbox-relay repartition.
 *
 *	1 lock		no relay of the slot is connected, and none starts from here on
 *	2 plan		recorded settings and counts against ours and Kafka's; none: the end
 *	3 drain		a relay with the recorded map, to the end of the WAL as it was when it had the
 *				slot; stopped when everything it sent is acknowledged and marked
 *	4 commit	settings, counts and the next generation in one transaction
 *
 * Refuses to begin beside a relay of the slot, where no relay has recorded its settings, and
 * for a topic that is gone or shrank; to commit when anything that was sent isn't marked.
 *
 * Invariants: every event that was ever sent under the old map was sent again under it, or lies
 * at or below the mark; so no event has two places.  Every position of the new map is of a
 * higher generation than those before: whatever comes late sorts below, and nothing that is new
 * is dropped.  Nothing is changed before step 4: after a crash it is run again.
 */
#include "repartition.h"

#include "exit_codes.h"
#include "kafka_sink.h"
#include "kafka_topics.h"
#include "pg_facts.h"
#include "pg_repartition.h"
#include "relay.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define KAFKA_PATIENCE_USEC (15 * USEC_PER_SEC)
#define IN_USE_PATIENCE_USEC (10 * USEC_PER_SEC)
#define DRAIN_USEC_MIN (30 * USEC_PER_SEC)

const char repartition_help[] =
	"Of repartition, which needs that no relay of the slot runs:\n"
	"  --topic NAME[=PARTITIONS]  only this topic's count changes, to what Kafka has or to "
	"PARTITIONS;\n"
	"                    may be given several times (default: every topic that grew)\n"
	"  --dry-run         say what would change; also beside a running relay\n"
	"\n";

typedef struct Repartition
{
	const RelayConfig *config;
	const RepartitionRequest *request;
	FILE *out;
	SayFn say;
	void *arg;
	RelayConfig own; /* that of our own connections and of the drain */
	RelayFacts facts;
	TopicMap *topics;
	RouteRecord recorded;
	RouteRecord wanted;
	char *placement; /* of the drain */
	RepartitionPlan plan;
	PgRepartition *lock;
	PgLsn target; /* of the drain; LSN_INVALID: not known yet */
} Repartition;

ArgResult
repartition_take_argument(ArgCursor *cursor, RepartitionRequest *request, Error *error)
{
	const char *topic;
	ArgResult result = arg_flag(cursor, "--dry-run", &request->dry_run);

	if (result == ARG_UNKNOWN)
		result = arg_value(cursor, "--topic", &topic, error);
	else
		return result;
	if (result == ARG_TAKEN && !topic_requests_add(&request->topics, topic, error))
		return ARG_WRONG;
	return result;
}

/* -------------------------------------------------------------------------
 * plan
 * -------------------------------------------------------------------------
 */

static bool
check_registration(const Repartition *repartition, Error *error)
{
	const RelayFacts *facts = &repartition->facts;

	if (!relay_check_database(facts, error) ||
		!relay_check_registration(facts, repartition->config->slot, error))
		return false;
	if (!facts->routing_kept)
	{
		error_permanent(error, EXIT_NOT_INITIALIZED,
						"the extension has no room for the routing settings");
		return error_hint(error, "ALTER EXTENSION pg_outbox UPDATE.");
	}
	if (route_record_is_set(&repartition->recorded))
		return true;
	error_permanent(error, EXIT_NOT_INITIALIZED,
					"no relay has recorded its routing settings for the slot \"%s\"",
					repartition->config->slot);
	return error_hint(error, "Run the relay once, with the settings that it had until now. One "
							 "that has never run needs no repartition.");
}

static bool
look_at_registration(Repartition *repartition, Error *error)
{
	repartition->topics = topic_map_create();
	if (repartition->topics == NULL)
		return error_bug(error, "out of memory");
	if (!pg_facts_read_routing(&repartition->own, &repartition->facts, repartition->topics,
							   &repartition->recorded, error) ||
		!check_registration(repartition, error) ||
		!route_record_make(&repartition->wanted, &repartition->config->route, error))
		return false;
	repartition->plan.recorded = &repartition->recorded;
	repartition->plan.wanted = &repartition->wanted;
	repartition->plan.generation = repartition->facts.generation;
	return repartition_plan_make(&repartition->plan, repartition->topics, error);
}

static void
take_kafka_log(int level, const char *text, void *arg)
{
	Repartition *repartition = arg;

	if (level <= 4)
		repartition->say(true, text, repartition->arg);
}

/* What can't be looked at keeps its count, where the relay would keep its events as dead letters. */
static bool
count_partitions(Repartition *repartition, EventSink *sink, uint32_t index, Error *error)
{
	TopicPlan *topic = &repartition->plan.topics[index];
	MonoUsec give_up_at = clock_mono() + KAFKA_PATIENCE_USEC;

	for (;;)
	{
		error_clear(error);
		if (kafka_topic_partitions(sink, topic->topic, index, &topic->present, error) == IO_OK)
			return true;
		if (error->error_class != ERROR_CLASS_TRANSIENT || clock_mono() >= give_up_at)
			break;
	}
	if (repartition->config->poison_policy != POISON_DEAD_LETTER || !poison_is(error))
		return false;
	say_text(repartition->say, repartition->arg, true,
			 "could not look at the topic \"%s\", it keeps its count", topic->topic);
	error_clear(error);
	topic->present = topic->recorded;
	return true;
}

static bool
look_at_kafka(Repartition *repartition, Error *error)
{
	KafkaSinkHooks hooks = {take_kafka_log, repartition};
	EventSink *sink = kafka_sink_open(repartition->config, 0, NULL, &hooks, error);
	bool ok = sink != NULL;

	for (uint32_t i = 0; ok && i < repartition->plan.topic_count; i++)
		ok = count_partitions(repartition, sink, i, error);
	if (sink != NULL)
		sink->ops->close(sink);
	return ok && repartition_plan_decide(&repartition->plan, &repartition->request->topics, error);
}

/* -------------------------------------------------------------------------
 * drain
 * -------------------------------------------------------------------------
 */

static bool
not_drained(const char *why, Error *error)
{
	error_transient(error, "%s", why);
	return error_hint(error, "Run repartition again. Nothing was changed.");
}

/* Whether the relay has done its part; also when the Error is filled. */
static bool
drain_is_over(Repartition *repartition, const RelayStatus *status, MonoUsec now,
			  MonoUsec *standing_by_since, Error *error)
{
	if (status->state != RELAY_STANDING_BY)
		*standing_by_since = now;
	else if (now - *standing_by_since > IN_USE_PATIENCE_USEC)
	{
		error_permanent(error, EXIT_IN_USE,
						"a relay of the slot \"%s\" is running (process %d of the server)",
						repartition->config->slot, status->slot_pid);
		error_hint(error, "Stop it, and run repartition again. Nothing was changed.");
		return true;
	}
	if (status->state != RELAY_STREAMING)
		return false;
	/* Nobody else reads the slot any more: whatever was read before is below. */
	if (repartition->target == LSN_INVALID &&
		!pg_repartition_wal_end(repartition->lock, &repartition->target, error))
		return true;
	return status->confirmed >= repartition->target;
}

static bool
judge_drain(const Repartition *repartition, const Relay *relay, bool interrupted, Error *error)
{
	RelayStatus status;

	if (error->error_class != ERROR_CLASS_NONE)
		return false;
	if (relay_exit_code(relay) != EXIT_OK)
	{
		*error = *relay_error(relay);
		return false;
	}
	if (interrupted)
		return not_drained("interrupted before everything that was sent is confirmed", error);
	relay_describe(relay, clock_mono(), clock_pg(), &status);
	if (!status.drained || repartition->target == LSN_INVALID ||
		status.durable < repartition->target)
		return not_drained("Kafka has not acknowledged everything that was sent", error);
	return true;
}

static bool
drain_with(Repartition *repartition, Poller *poller, Error *error)
{
	Relay *relay = relay_create(&repartition->own, poller, clock_mono(), error);
	MonoUsec standing_by_since = clock_mono();
	MonoUsec wake_at = 0;
	bool interrupted = false;
	bool over = false;
	bool ok;

	if (relay == NULL)
		return false;
	for (;;)
	{
		MonoUsec now = clock_mono();
		int stops = poller_take_signal(poller, SIGTERM) + poller_take_signal(poller, SIGINT);
		RelayStatus status;

		for (; stops > 0; stops--)
		{
			interrupted = true;
			relay_stop(relay, now);
		}
		if (!relay_step(relay, now, clock_pg(), &wake_at))
			break;
		relay_describe(relay, clock_mono(), clock_pg(), &status);
		if (!over && !interrupted &&
			drain_is_over(repartition, &status, now, &standing_by_since, error))
		{
			over = true;
			relay_stop(relay, now);
			continue;
		}
		poller_wait(poller, now, wake_at);
	}
	ok = judge_drain(repartition, relay, interrupted, error);
	relay_free(relay);
	return ok;
}

static bool
drain(Repartition *repartition, Error *error)
{
	Poller poller;
	bool ok;

	if (!route_record_apply(&repartition->recorded, &repartition->config->route,
							&repartition->own.route, &repartition->placement, error) ||
		!poller_init(&poller, error))
		return false;
	/* A relay that may leave events in flight at its end would never be done here. */
	if (repartition->own.drain_timeout_usec < DRAIN_USEC_MIN)
		repartition->own.drain_timeout_usec = DRAIN_USEC_MIN;
	repartition->own.repartitioning = true;
	repartition->say(false, "publishing what the old map has begun", repartition->arg);
	ok = drain_with(repartition, &poller, error);
	poller_free(&poller);
	return ok;
}

/* -------------------------------------------------------------------------
 * all of it
 * -------------------------------------------------------------------------
 */

static bool
change(Repartition *repartition, Error *error)
{
	if (!drain(repartition, error) ||
		!pg_repartition_commit(repartition->lock, &repartition->plan, repartition->target, error))
		return false;
	say_text(repartition->say, repartition->arg, false,
			 "the routing map is changed: generation %u begins", repartition->plan.generation + 1);
	return true;
}

static bool
carry_out(Repartition *repartition, Error *error)
{
	bool dry_run = repartition->request->dry_run;

	if (!dry_run)
	{
		repartition->lock = pg_repartition_open(repartition->config, error);
		if (repartition->lock == NULL)
			return false;
		repartition->own.registration_locked = true;
	}
	if (!look_at_registration(repartition, error) || !look_at_kafka(repartition, error))
		return false;
	repartition_plan_print(&repartition->plan, repartition->out);
	fflush(repartition->out);
	return dry_run || repartition_plan_is_empty(&repartition->plan) || change(repartition, error);
}

bool
repartition_run(const RelayConfig *config, const RepartitionRequest *request, FILE *out, SayFn say,
				void *arg, Error *error)
{
	Repartition repartition = {.config = config,
							   .request = request,
							   .out = out,
							   .say = say,
							   .arg = arg,
							   .own = *config,
							   .recorded = ROUTE_RECORD_NONE,
							   .wanted = ROUTE_RECORD_NONE,
							   .target = LSN_INVALID};
	bool ok = carry_out(&repartition, error);

	pg_repartition_close(repartition.lock);
	repartition_plan_free(&repartition.plan);
	topic_map_free(repartition.topics);
	route_record_free(&repartition.recorded);
	route_record_free(&repartition.wanted);
	free(repartition.placement);
	return ok;
}
