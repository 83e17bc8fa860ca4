/*
 * kafka_topics.h
 *	  Makes the topics that the application itself writes to, and those that have to be there
 *	  before their first event; the relay makes its own.
 */
#ifndef OUTBOX_COMPARE_KAFKA_TOPICS_H
#define OUTBOX_COMPARE_KAFKA_TOPICS_H

#include "error.h"
#include "mode.h"

#define KAFKA_TOPICS_MAX MODE_COUNT

/* At most that many; one that is there already is fine.  Blocks for seconds at most. */
extern MUST_CHECK bool kafka_topics_create(const char *brokers, const char *const *names,
										   size_t count, Error *error);

/* Those of the modes that are present. */
extern MUST_CHECK bool kafka_topics_make(const char *brokers, const bool *modes, Error *error);

#endif
