/*
 * kafka_hurry.h
 *	  Keeps librdkafka fetching when its queue was full.
 *
 * A fetcher that finds the queue full (queued.max.messages.kbytes, queued.min.messages)
 * goes to sleep for up to a second, whatever happens to the queue meanwhile: a short
 * queue, which bounds the memory, then bounds the speed, too.  From 2.2 on
 * fetch.queue.backoff.ms says how long it sleeps.  Before, whatever it has to send
 * wakes it: so each time that half a queue was taken, the brokers of the partitions
 * are asked where these end.  Nobody waits for the answer.
 */
#ifndef OUTBOX_CONSUMER_KAFKA_HURRY_H
#define OUTBOX_CONSUMER_KAFKA_HURRY_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>

typedef struct KafkaHurry
{
	size_t half_bytes; /* 0: the library doesn't need it */
	size_t half_records;
	size_t bytes; /* taken since it was asked last */
	size_t records;
} KafkaHurry;

/* The client's configuration says how long its queue is. */
extern void kafka_hurry_init(KafkaHurry *hurry, const rd_kafka_t *rk);

/* A record of that size was taken from the queue; "begun" are the partitions that are read. */
extern void kafka_hurry_took(KafkaHurry *hurry, size_t size, rd_kafka_t *rk,
							 const rd_kafka_topic_partition_list_t *begun);

/* The brokers of those partitions get something to do, which wakes whoever sleeps.  Takes a millisecond at most. */
extern void kafka_hurry_ask(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *begun);

#endif
