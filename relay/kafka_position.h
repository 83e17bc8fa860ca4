/*
 * kafka_position.h
 *	  How far the Kafka transactions of a relay came: the last committed record of the
 *	  position topic with its key.
 *
 * Reads partition 0 from near its end, and further back until a record of that key is
 * found.  A relay of another slot may have a transaction open there, which hides what was
 * committed behind its first record: the end counts as reached only when nothing is hidden
 * that was there at the beginning.  Calls of librdkafka that block are bounded by 500 ms each.
 */
#ifndef OUTBOX_RELAY_KAFKA_POSITION_H
#define OUTBOX_RELAY_KAFKA_POSITION_H

#include "clock.h"
#include "kafka_sink.h"
#include "position.h"
#include "relay_options.h"

typedef struct KafkaPosition KafkaPosition;

/* What the record says of the relay that wrote it; "": nothing. */
typedef struct PositionWriter
{
	char system_identifier[24];
	char transactional_id[TRANSACTIONAL_ID_SIZE];
} PositionWriter;

extern MUST_CHECK KafkaPosition *kafka_position_open(const RelayConfig *config,
													 const char *source_id, Error *error);
/*
 * IO_OK: it is known; IO_AGAIN: call again at kafka_position_wake_at(); IO_FAILED: TRANSIENT, or
 * PERMANENT for a record that can't be read.
 */
extern MUST_CHECK IoResult kafka_position_step(KafkaPosition *position, MonoUsec now, Error *error);
extern MonoUsec kafka_position_wake_at(const KafkaPosition *position);
/* Everything before it is in Kafka; false: no such record. */
extern bool kafka_position_found(const KafkaPosition *position, Position *before,
								 PositionWriter *writer);
extern void kafka_position_free(KafkaPosition *position); /* NULL is allowed */

#endif
