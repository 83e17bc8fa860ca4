/*
 * kafka_producer.h
 *	  The application's own way to Kafka: an idempotent producer with acks=all for
 *	  one topic, and the thread that hears what became of its messages.
 *
 * Messages of one key go to one partition (murmur2, as Java's clients do) and stay
 * in the order in which they were given.
 */
#ifndef OUTBOX_COMPARE_KAFKA_PRODUCER_H
#define OUTBOX_COMPARE_KAFKA_PRODUCER_H

#include "buffer.h"
#include "error.h"
#include "job_result.h"
#include "location.h"

/* JOB_STORED, JOB_AWAY or JOB_UNKNOWN; arg is that of kafka_producer_send(). */
typedef void (*KafkaDelivered)(JobResult result, void *arg);

typedef struct KafkaProducerConfig
{
	const char *brokers;
	const char *topic;
	int linger_ms;			  /* how long a message waits for others */
	int64_t timeout_usec;	  /* after it a message is given up; 0: librdkafka's own, 5 minutes */
	KafkaDelivered delivered; /* from the producer's thread */
} KafkaProducerConfig;

typedef struct KafkaProducer KafkaProducer;

extern MUST_CHECK KafkaProducer *kafka_producer_start(const KafkaProducerConfig *config,
													  Error *error);

/* Copies everything.  False: its queue is full, and nobody will hear of the message. */
extern MUST_CHECK bool kafka_producer_send(KafkaProducer *producer, const LocationReport *report,
										   int64_t version, void *arg);

extern bool kafka_producer_connected(const KafkaProducer *producer); /* a broker knows it */
extern int64_t kafka_producer_queued(KafkaProducer *producer);		 /* not acknowledged yet */

/* Waits a while for what is unsent, gives it up then, and frees it; NULL is allowed. */
extern void kafka_producer_stop(KafkaProducer *producer, int64_t wait_usec);

#endif
