/*
 * kafka_first.h
 *	  The path without a database: a request is a message, and is answered when all
 *	  replicas have it.
 *
 * With nobody who counts, a driver's version is the microsecond, or one more than
 * the last one: the lock is held until the message is queued, so versions rise in
 * the topic's order.
 */
#ifndef OUTBOX_COMPARE_KAFKA_FIRST_H
#define OUTBOX_COMPARE_KAFKA_FIRST_H

#include "kafka_producer.h"

typedef struct KafkaFirst KafkaFirst;

typedef struct KafkaJob
{
	LocationReport report;
	int64_t version;
	JobResult result;
	void (*done)(struct KafkaJob *job); /* once, from the producer's thread */
	void *arg;
	KafkaFirst *first;
} KafkaJob;

typedef struct KafkaFirstConfig
{
	const char *brokers;
	const char *topic;
	int limit;			  /* of messages that aren't acknowledged: more are refused */
	int64_t timeout_usec; /* for a message */
} KafkaFirstConfig;

extern MUST_CHECK KafkaFirst *kafka_first_start(const KafkaFirstConfig *config, Error *error);

/* False: refused, job->result says why and done() is not called. */
extern MUST_CHECK bool kafka_first_submit(KafkaFirst *first, KafkaJob *job);
extern bool kafka_first_connected(const KafkaFirst *first);
extern int64_t kafka_first_queued(const KafkaFirst *first);
extern void kafka_first_stop(KafkaFirst *first); /* NULL is allowed */

#endif
