/*
 * replay_send.h
 *	  Selected rows on their way to Kafka: each is acknowledged, or a dead letter.
 */
#ifndef OUTBOX_RELAY_REPLAY_SEND_H
#define OUTBOX_RELAY_REPLAY_SEND_H

#include "pg_rows.h"
#include "relay_check.h"
#include "relay_options.h"
#include "route.h"
#include "say.h"

typedef struct ReplayJob
{
	const RelayConfig *config;
	const RelayFacts *facts;
	TopicMap *topics; /* topics that are made on the way are added */
	PgRows *rows;
	const char *flag; /* the value of the header outbox-replayed */
	SayFn say;
	void *arg;
} ReplayJob;

typedef struct ReplayCounts
{
	uint64_t acknowledged;	/* rows that Kafka acknowledged, each once */
	uint64_t dead_lettered; /* can't be published, and were written to outbox.dead_letter */
	uint64_t dead_letters;	/* can't be published, and wait there since before */
} ReplayCounts;

/*
 * true: each row that the selection gives is counted.  The counts are true after a failure, too:
 * before it returns it waits for what is in flight, for drain.timeout at most.
 */
extern MUST_CHECK bool replay_send(const ReplayJob *job, ReplayCounts *counts, Error *error);

#endif
