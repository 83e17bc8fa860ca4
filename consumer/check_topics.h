/*
 * check_topics.h
 *	  What "outbox-consumer check" says of Kafka: which topics each handler reads now.
 */
#ifndef OUTBOX_CONSUMER_CHECK_TOPICS_H
#define OUTBOX_CONSUMER_CHECK_TOPICS_H

#include <stdio.h>

#include "consumer_options.h"
#include "handlers.h"

/*
 * One line or more a handler.  A topic that isn't there, an expression that nothing matches,
 * and a Kafka that doesn't answer are warnings: a consumer waits for them.  Nothing is asked
 * while "kafka.bootstrap.servers" isn't set.  False: handlers that can't run as they are.
 */
extern MUST_CHECK bool check_topics(const ConsumerConfig *config, Handlers *handlers, FILE *out,
									Error *error);

#endif
