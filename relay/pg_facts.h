/*
 * pg_facts.h
 *	  What a relay asks at its start, for the commands that are run once: it blocks.
 */
#ifndef OUTBOX_RELAY_PG_FACTS_H
#define OUTBOX_RELAY_PG_FACTS_H

#include "relay_check.h"
#include "relay_options.h"
#include "route.h"

/* The recorded topics are added to topics, unless that is NULL. */
extern MUST_CHECK bool pg_facts_read(const RelayConfig *config, RelayFacts *facts, TopicMap *topics,
									 Error *error);

/* Records the partition count of a topic; *partitions is what is recorded then. */
extern MUST_CHECK bool pg_facts_record_topic(const RelayConfig *config, uint32_t generation,
											 const char *topic, uint32_t *partitions, Error *error);

#endif
