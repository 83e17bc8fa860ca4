/*
 * kafka_topics.h
 *	  Makes the topics that the application itself writes to; the relay makes its own.
 */
#ifndef OUTBOX_COMPARE_KAFKA_TOPICS_H
#define OUTBOX_COMPARE_KAFKA_TOPICS_H

#include "error.h"
#include "mode.h"

/* Those of the modes that are present; one that is there already is fine.  Blocks for seconds at most. */
extern MUST_CHECK bool kafka_topics_make(const char *brokers, const bool *modes, Error *error);

#endif
