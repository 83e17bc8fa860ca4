/*
 * kafka_sink.h
 *	  An idempotent, gapless producer as an EventSink, or one of transactions.
 *
 * librdkafka reports through its main queue, which writes to an eventfd: the
 * owner polls that and calls drain().  See sink.h for the contract.
 */
#ifndef OUTBOX_RELAY_KAFKA_SINK_H
#define OUTBOX_RELAY_KAFKA_SINK_H

#include "kafka_conf.h"
#include "sink.h"

struct rd_kafka_s;
struct rd_kafka_topic_s;

typedef struct KafkaSinkHooks
{
	KafkaLogFn log; /* from drain() alone */
	void *arg;
} KafkaSinkHooks;

/*
 * Of a sink with transactions.  The position that each comes to is a record of the position
 * topic, partition 0: key "<source id>/<slot>", value a position before which everything is
 * in Kafka, and headers that say whose it is.  Copied.
 */
typedef struct KafkaTransactions
{
	const char *id; /* transactional.id: the sink fences off earlier ones with the same */
	const char *source_id;
	const char *slot;
	const char *system_identifier; /* of the server that the events come from */
} KafkaTransactions;

/* Headers of a position. */
#define POSITION_HEADER_SYSTEM "system-identifier"
#define POSITION_HEADER_WRITER "transactional-id"
#define TRANSACTIONAL_ID_SIZE 192

/*
 * batch_bytes limits a batch, 0: as configured.  transactions: NULL for a sink without them.
 * Nothing is connected yet when it returns.  NULL with the Error filled.
 */
extern MUST_CHECK EventSink *kafka_sink_open(const RelayConfig *config, uint32_t batch_bytes,
											 const KafkaTransactions *transactions,
											 const KafkaSinkHooks *hooks, Error *error);

/* Earlier producers with its transactional id are fenced off, and what they left open is ended. */
extern bool kafka_sink_is_ready(const EventSink *sink);
/* It was fenced off by a later one, or Kafka gave up its transaction: both look the same. */
extern bool kafka_sink_is_fenced(const EventSink *sink);

/* For kafka_topics.c: the handle, and that of a topic (NULL with the Error filled). */
extern struct rd_kafka_s *kafka_sink_handle(EventSink *sink);
extern struct rd_kafka_topic_s *kafka_sink_topic(EventSink *sink, const char *topic,
												 uint32_t topic_index, Error *error);

/*
 * What a broker refused us for, or we refused it for, since the last call (PERMANENT,
 * EXIT_PERMISSION); false: nothing.  With a code it is for access lists, which are the
 * whole cluster's.
 */
extern bool kafka_sink_refusal(EventSink *sink, Error *refusal);
/* Whether this producer has ever had an answer. */
extern bool kafka_sink_has_answer(const EventSink *sink);

/* No broker answers at the moment, as far as librdkafka said. */
extern bool kafka_sink_is_cut_off(const EventSink *sink);

/* Asks any broker for a sign of life, and waits that long for it; true ends being cut off. */
extern bool kafka_sink_probe(EventSink *sink, int timeout_ms);

#endif
