/*
 * kafka_reader.h
 *	  Reads partitions that its owner chooses, and says what keeps it from reading them.
 *	  For kafka_*.c.
 *
 * It joins no group and touches nobody's offsets: that a principal has no rights on groups is
 * nothing to it.  Calls of librdkafka that block are bounded by 500 ms each.
 */
#ifndef OUTBOX_RELAY_KAFKA_READER_H
#define OUTBOX_RELAY_KAFKA_READER_H

#include "clock.h"
#include "relay_options.h"
#include "route.h"

struct rd_kafka_message_s;
struct rd_kafka_topic_partition_list_s;

/* Whether records of transactions that are open or were aborted are seen, too. */
typedef enum KafkaIsolation
{
	KAFKA_READ_COMMITTED, /* the first open transaction is the end */
	KAFKA_READ_UNCOMMITTED
} KafkaIsolation;

/* A record, or that a partition has no more of them. */
typedef struct KafkaRead
{
	const struct rd_kafka_message_s *record; /* NULL: the end.  Until the next call */
	char topic[TOPIC_NAME_MAX + 1];			 /* of an end */
	int32_t partition;						 /* of an end */
	int64_t end;							 /* its offset */
} KafkaRead;

typedef struct KafkaReader KafkaReader;

/* doing: of its errors, "could not <doing>: ..."; borrowed.  NULL with the Error filled. */
extern MUST_CHECK KafkaReader *kafka_reader_open(const RelayConfig *config,
												 KafkaIsolation isolation, const char *doing,
												 Error *error);
extern void kafka_reader_free(KafkaReader *reader); /* NULL is allowed */

/*
 * The offsets of the first record and behind the last one; and of the first one at or after a time
 * (ms since 1970), unchanged when there is none.  Errors as those of kafka_reader_next().
 */
extern MUST_CHECK bool kafka_reader_ends(KafkaReader *reader, const char *topic, uint32_t partition,
										 int64_t *low, int64_t *high, Error *error);
extern MUST_CHECK bool kafka_reader_seek_time(KafkaReader *reader, const char *topic,
											  uint32_t partition, int64_t time_ms, int64_t *offset,
											  Error *error);

/* From now on these partitions, each from its offset on; parts is copied. */
extern MUST_CHECK bool kafka_reader_assign(KafkaReader *reader,
										   const struct rd_kafka_topic_partition_list_s *parts,
										   Error *error);
/*
 * IO_OK: *read is filled; IO_AGAIN: nothing is there now; IO_FAILED: TRANSIENT, or EXIT_PERMISSION
 * with the right, certificate or password that is missing.  Brokers that are away are waited for.
 */
extern MUST_CHECK IoResult kafka_reader_next(KafkaReader *reader, KafkaRead *read, Error *error);

/* After IO_AGAIN: when to try again; false: no record came for 20 seconds. */
extern MUST_CHECK bool kafka_reader_waits(KafkaReader *reader, MonoUsec now, MonoUsec *wake_at);

#endif
