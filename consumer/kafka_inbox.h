/*
 * kafka_inbox.h
 *	  An inbox over librdkafka's consumer.
 */
#ifndef OUTBOX_CONSUMER_KAFKA_INBOX_H
#define OUTBOX_CONSUMER_KAFKA_INBOX_H

#include "inbox.h"
#include "options.h"

/* Subscribes at once.  NULL with the Error filled. */
extern MUST_CHECK Inbox *kafka_inbox_create(const Options *options, const char *group,
											char *const *topics, int topic_count, Error *error);

#endif
