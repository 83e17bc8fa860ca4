/*
 * kafka_tail.h
 *	  The highest positions at the end of the recorded topics: what Kafka last
 *	  got from this source, be it committed or not.
 *
 * Reads the last few records of each partition, once, at start; more, up to 8192, where they
 * are of others or have no position; or all from a time on.  Calls of librdkafka that block are
 * bounded by 500 ms each.
 */
#ifndef OUTBOX_RELAY_KAFKA_TAIL_H
#define OUTBOX_RELAY_KAFKA_TAIL_H

#include "clock.h"
#include "position.h"
#include "relay_options.h"
#include "route.h"

typedef struct KafkaTail KafkaTail;

typedef struct TailPosition
{
	char topic[TOPIC_NAME_MAX + 1];
	int partition;
	Position position;
} TailPosition;

/*
 * Of topics without those of "but", whose tails can't be read.  Both are borrowed until
 * kafka_tail_free().  since_ms: all from the first record with this timestamp or a later one on
 * are read, too; 0: the last few alone.  These are enough to see how far this source has come, but
 * not whether it had been further before it sent the last ones again.
 */
extern MUST_CHECK KafkaTail *kafka_tail_open(const RelayConfig *config, const TopicMap *topics,
											 const TopicMap *but, const char *source_id,
											 int64_t since_ms, Error *error);
/* IO_OK: all was read; IO_AGAIN: call again at kafka_tail_wake_at(); IO_FAILED: TRANSIENT. */
extern MUST_CHECK IoResult kafka_tail_step(KafkaTail *tail, MonoUsec now, Error *error);
extern MonoUsec kafka_tail_wake_at(const KafkaTail *tail);
/* Once all was read; false: Kafka has no position of this source. */
extern bool kafka_tail_highest(const KafkaTail *tail, TailPosition *highest);
extern void kafka_tail_free(KafkaTail *tail); /* NULL is allowed */

#endif
