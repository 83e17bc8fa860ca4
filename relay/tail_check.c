/*
 * tail_check.c
 *	  Whether Kafka is ahead of the server, for commands that are run once.
 *
 * Refuses nothing itself: relay_check.c judges, as it does for a relay that starts.
 *
 * Invariants: the server is asked how far it is after Kafka was read, so that a relay that
 * publishes meanwhile is no gap.
 */
#include "tail_check.h"

#include "kafka_tail.h"
#include "pg_registry.h"

#define BROKER_USEC (30 * USEC_PER_SEC)
#define RETRY_USEC (500 * USEC_PER_MS)

static bool
read_tail(KafkaTail *tail, Error *error)
{
	MonoUsec give_up_at = clock_mono() + BROKER_USEC;

	for (;;)
	{
		error_clear(error);
		switch (kafka_tail_step(tail, clock_mono(), error))
		{
			case IO_OK:
				return true;
			case IO_AGAIN:
				if (clock_mono() >= give_up_at)
					return error_transient(error, "could not read the ends of the topics: no "
												  "broker answers");
				clock_sleep_until(kafka_tail_wake_at(tail));
				break;
			default:
				if (error->error_class != ERROR_CLASS_TRANSIENT || clock_mono() >= give_up_at)
					return false;
				clock_sleep_until(clock_mono() + RETRY_USEC);
				break;
		}
	}
}

static bool
compare(PgRegistry *registry, const KafkaTail *tail, TailCheck *check, Error *error)
{
	const RelayFacts *facts = registry_facts(registry);
	RegistryReply reply = {.failed = false};
	TailPosition highest;

	if (!kafka_tail_highest(tail, &highest))
		return true;
	check->generation = highest.position.generation;
	if (!check->needed)
		return true;
	if (!registry_ask_flushed(registry))
		return error_bug(error, "could not queue a statement");
	if (!registry_wait(registry, &reply, error))
		return false;
	check->ahead =
		!relay_check_tail(&highest.position, highest.topic, highest.partition, facts->generation,
						  facts->server_timeline, reply.u.server_end, error);
	error_clear(error);
	return true;
}

static bool
look(const RelayConfig *config, PgRegistry *registry, TopicMap *topics, TopicMap *none,
	 TailCheck *check, Error *error)
{
	KafkaTail *tail;
	bool ok;

	for (int i = 0; i < registry_topic_count(registry); i++)
	{
		uint32_t partitions;
		const char *topic = registry_topic(registry, i, &partitions);

		if (!topic_map_add(topics, topic, partitions, error))
			return false;
	}
	if (topic_map_count(topics) == 0)
		return true;
	tail = kafka_tail_open(config, topics, none, registry_facts(registry)->source_id, 0, error);
	ok = tail != NULL && read_tail(tail, error) && compare(registry, tail, check, error);
	kafka_tail_free(tail);
	return ok;
}

bool
tail_check(const RelayConfig *config, TailCheck *check, Error *error)
{
	PgRegistry *registry = registry_look(config, error);
	TopicMap *topics = topic_map_create();
	TopicMap *none = topic_map_create();
	bool ok = registry != NULL;

	*check = (TailCheck){.needed = true};
	if (ok && (topics == NULL || none == NULL))
		ok = error_bug(error, "out of memory");
	else if (ok)
	{
		check->needed =
			relay_check_facts(registry_facts(registry), config->slot, config->publication, error);
		error_clear(error);
		ok = look(config, registry, topics, none, check, error);
	}
	topic_map_free(topics);
	topic_map_free(none);
	registry_free(registry);
	return ok;
}
