/*
 * kafka_inbox.h
 *	  An inbox over librdkafka's consumer.
 */
#ifndef OUTBOX_CONSUMER_KAFKA_INBOX_H
#define OUTBOX_CONSUMER_KAFKA_INBOX_H

#include "inbox.h"
#include "options.h"

typedef struct KafkaSubscription
{
	char *const *topics; /* what begins with "^" is an expression */
	int count;
	const char *hidden; /* for topic.blacklist, beside what the user has there; NULL: nothing */
} KafkaSubscription;

/* Subscribes at once.  NULL with the Error filled. */
extern MUST_CHECK Inbox *kafka_inbox_create(const Options *options, const char *group,
											const KafkaSubscription *subscription, Error *error);

/*
 * Whether destroy() ends librdkafka's threads.  Before 2.3 its cooperative-sticky
 * assignor aborts the process when a member ends before it was given partitions,
 * and before 2.6.1 the end waits for ever for a partition that was read when its
 * topic went, so the threads are left alone; the process has to end without exit
 * handlers.
 */
extern bool kafka_can_destroy(void);

#endif
