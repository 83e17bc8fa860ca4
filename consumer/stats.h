/*
 * stats.h
 *	  What the consumer counts.
 */
#ifndef OUTBOX_CONSUMER_STATS_H
#define OUTBOX_CONSUMER_STATS_H

#include <stdint.h>

#include "metrics.h"
#include "sqlstate.h"

typedef struct Stats
{
	uint64_t received;	 /* records taken from Kafka */
	uint64_t applied;	 /* events whose handlers ran */
	uint64_t duplicates; /* repetitions that were dropped */
	uint64_t known;		 /* ... of these by their id */
	int64_t paused_usec; /* while partitions were paused */
	uint64_t batches;	 /* transactions committed */
	uint64_t failures[FAILURE_CLASSES];
	uint64_t unknown_commits;
	uint64_t lost_records; /* applied once, and not in the target of a later session */
	uint64_t connects;
	uint64_t rebalances;
	uint64_t pauses;
	uint64_t stalls;
	uint64_t renewals; /* of the client */
	Histogram batch_records;
	Histogram batch_seconds;
	Histogram event_seconds; /* from an event's time to its COMMIT */
} Stats;

extern void stats_init(Stats *stats);

#endif
