/*
 * kafka_read.h
 *	  A whole topic, from its beginning to its end of this moment.
 */
#ifndef OUTBOX_BENCH_KAFKA_READ_H
#define OUTBOX_BENCH_KAFKA_READ_H

#include "error.h"

#include <librdkafka/rdkafka.h>
#include <stdint.h>

/* false with the Error filled ends the reading. */
typedef bool (*RecordFn)(const rd_kafka_message_t *message, void *arg, Error *error);

/* Records of committed transactions alone; partitions in any order, each in its own. */
extern MUST_CHECK bool kafka_read(const char *servers, const char *topic, RecordFn fn, void *arg,
								  Error *error);

/* The number that an event says; UINT64_MAX: none. */
extern uint64_t kafka_event_number(const rd_kafka_message_t *message);

/* sets one property; for rd_kafka_conf_set() and its errors. */
extern MUST_CHECK bool kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value,
								 Error *error);

#endif
