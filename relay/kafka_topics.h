/*
 * kafka_topics.h
 *	  What Kafka says about topics, and making one that is missing.
 *
 * Metadata calls of librdkafka block: each here is bounded by 500 ms, and the
 * owner comes back later.  A topic is made without blocking.
 */
#ifndef OUTBOX_RELAY_KAFKA_TOPICS_H
#define OUTBOX_RELAY_KAFKA_TOPICS_H

#include "relay_options.h"
#include "sink.h"

/* Partitions that Kafka has now: IO_OK, 0 for none.  IO_FAILED: TRANSIENT, or refused. */
extern MUST_CHECK IoResult kafka_topic_partitions(EventSink *sink, const char *topic,
												  uint32_t topic_index, uint32_t *partitions,
												  Error *error);

/* The effort to have one topic: look, make, look again. */
typedef struct TopicMaker TopicMaker;

extern MUST_CHECK TopicMaker *topic_maker_start(EventSink *sink, const RelayConfig *config,
												const char *topic, uint32_t topic_index,
												Error *error);
/* One that keeps the last record of each key: one partition, whatever the settings say. */
extern MUST_CHECK TopicMaker *topic_maker_start_compacted(EventSink *sink,
														  const RelayConfig *config,
														  const char *topic, uint32_t topic_index,
														  Error *error);
/*
 * IO_OK: it is there, with *partitions; IO_AGAIN: call again soon; IO_FAILED:
 * TRANSIENT (start again later), or PERMANENT (it can't be made, or must not).
 */
extern MUST_CHECK IoResult topic_maker_step(TopicMaker *maker, MonoUsec now, uint32_t *partitions,
											Error *error);
extern MonoUsec topic_maker_wake_at(const TopicMaker *maker);
/* After IO_OK: it wasn't there at the first look. */
extern bool topic_maker_made(const TopicMaker *maker);
extern const char *topic_maker_topic(const TopicMaker *maker);
/* Before the sink is closed; NULL is allowed. */
extern void topic_maker_free(TopicMaker *maker);

#endif
