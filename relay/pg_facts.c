/*
 * pg_facts.c
 *	  What a relay asks at its start, for the commands that are run once.
 *
 * Refuses nothing itself: relay_check.c judges the facts.
 *
 * Invariants: the questions are those of a relay (pg_registry.c), on a connection
 * that is closed when they were answered.
 */
#include "pg_facts.h"

#include "pg_registry.h"

static bool
add_topics(const PgRegistry *registry, TopicMap *topics, Error *error)
{
	for (int i = 0; i < registry_topic_count(registry); i++)
	{
		uint32_t partitions;
		const char *topic = registry_topic(registry, i, &partitions);

		if (!topic_map_add(topics, topic, partitions, error))
			return false;
	}
	return true;
}

/* routing NULL: it isn't looked at. */
static bool
read_facts(const RelayConfig *config, RelayFacts *facts, TopicMap *topics, RouteRecord *routing,
		   Error *error)
{
	PgRegistry *registry = registry_look(config, error);
	bool ok = registry != NULL;

	if (!ok)
		return false;
	*facts = *registry_facts(registry);
	if (topics != NULL)
		ok = add_topics(registry, topics, error);
	if (ok && routing != NULL)
		ok = route_record_parse(routing, registry_routing(registry), error);
	registry_free(registry);
	return ok;
}

bool
pg_facts_read(const RelayConfig *config, RelayFacts *facts, TopicMap *topics, Error *error)
{
	return read_facts(config, facts, topics, NULL, error);
}

bool
pg_facts_read_routing(const RelayConfig *config, RelayFacts *facts, TopicMap *topics,
					  RouteRecord *routing, Error *error)
{
	*routing = ROUTE_RECORD_NONE;
	return read_facts(config, facts, topics, routing, error);
}

bool
pg_facts_check_routing(const RelayConfig *config, const RouteRecord *routing, Error *error)
{
	RouteRecord mine;
	bool ok;

	if (!route_record_is_set(routing))
		return true;
	ok = route_record_make(&mine, &config->route, error) &&
		 route_record_check(routing, &mine, error);
	route_record_free(&mine);
	return ok;
}

bool
pg_facts_record_topic(const RelayConfig *config, uint32_t generation, const char *topic,
					  uint32_t *partitions, Error *error)
{
	PgRegistry *registry = registry_open(config, clock_mono(), error);
	RegistryReply reply = {.u.partitions = 0};
	bool ok = registry != NULL;

	/* 0: another one recorded it in this very moment, and the next statement sees that. */
	while (ok && reply.u.partitions == 0)
		ok = (registry_record_topic(registry, generation, topic, *partitions) ||
			  error_bug(error, "out of memory")) &&
			 registry_wait(registry, &reply, error);
	*partitions = reply.u.partitions;
	registry_free(registry);
	return ok;
}
