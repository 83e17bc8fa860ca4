/*
 * kafka_topics.h
 *	  Which topics there are.
 */
#ifndef OUTBOX_CONSUMER_KAFKA_TOPICS_H
#define OUTBOX_CONSUMER_KAFKA_TOPICS_H

#include "error.h"
#include "options.h"

typedef void (*KafkaTopicVisitor)(const char *topic, int partitions, void *arg);

/*
 * Each topic that may be seen, with its number of partitions.  Blocks for at most
 * "timeout_ms"; false when no broker answers (TRANSIENT), or none can be asked with
 * these settings.
 */
extern MUST_CHECK bool kafka_topics_visit(const Options *options, const char *group, int timeout_ms,
										  KafkaTopicVisitor visitor, void *arg, Error *error);

#endif
