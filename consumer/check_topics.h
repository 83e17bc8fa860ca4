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
 * One line or more a handler.  False: handlers that can't run as they are; a Kafka that doesn't
 * answer (TRANSIENT); or EXIT_FINDINGS when some handler has nothing to read now, a topic that isn't there or an
 * expression that nothing matches: a consumer waits for it, and maybe for ever.  Nothing is
 * asked while "kafka.bootstrap.servers" isn't set.
 */
extern MUST_CHECK bool check_topics(const ConsumerConfig *config, Handlers *handlers, FILE *out,
									Error *error);

#endif
