/*
 * pg_facts.h
 *	  What a relay asks at its start, for the commands that are run once: it blocks.
 */
#ifndef OUTBOX_RELAY_PG_FACTS_H
#define OUTBOX_RELAY_PG_FACTS_H

#include "relay_check.h"
#include "relay_options.h"
#include "route.h"
#include "route_record.h"

/* The recorded topics are added to topics, unless that is NULL. */
extern MUST_CHECK bool pg_facts_read(const RelayConfig *config, RelayFacts *facts, TopicMap *topics,
									 Error *error);

/* The same, and *routing is what is recorded, maybe nothing; free it in any case. */
extern MUST_CHECK bool pg_facts_read_routing(const RelayConfig *config, RelayFacts *facts,
											 TopicMap *topics, RouteRecord *routing, Error *error);

/*
 * EXIT_ROUTING: the settings put events elsewhere than those that are recorded, if any are.
 */
extern MUST_CHECK bool pg_facts_check_routing(const RelayConfig *config, const RouteRecord *routing,
											  Error *error);

/* Records the partition count of a topic; *partitions is what is recorded then. */
extern MUST_CHECK bool pg_facts_record_topic(const RelayConfig *config, uint32_t generation,
											 const char *topic, uint32_t *partitions, Error *error);

#endif
