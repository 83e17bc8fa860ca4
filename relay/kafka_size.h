/*
 * kafka_size.h
 *	  Whether an event is small enough for the relay's producer, without one: the client itself
 *	  is asked, with the relay's kafka.message.max.bytes and without any broker.
 *
 * What the topic or the broker allow isn't known here.
 */
#ifndef OUTBOX_RELAY_KAFKA_SIZE_H
#define OUTBOX_RELAY_KAFKA_SIZE_H

#include "relay_options.h"
#include "route.h"

typedef struct KafkaSize KafkaSize;

extern MUST_CHECK KafkaSize *kafka_size_open(const RelayConfig *config, Error *error);
extern void kafka_size_close(KafkaSize *size); /* NULL is allowed */

/* false: the error that a relay would have of it, or a BUG. */
extern MUST_CHECK bool kafka_size_fits(KafkaSize *size, const RoutedEvent *event, Error *error);

#endif
