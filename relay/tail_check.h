/*
 * tail_check.h
 *	  Whether Kafka is ahead of the server, for commands that are run once.
 */
#ifndef OUTBOX_RELAY_TAIL_CHECK_H
#define OUTBOX_RELAY_TAIL_CHECK_H

#include "relay_options.h"

typedef struct TailCheck
{
	bool needed;		 /* nothing else is wrong: only Kafka can tell of a gap */
	bool ahead;			 /* a recorded topic ends with an event that the server hasn't come to */
	uint32_t generation; /* the highest in Kafka; 0: none is known */
} TailCheck;

/*
 * It blocks; brokers that don't answer get 30 seconds.  false: it couldn't be found out, and
 * "needed" says whether that matters.
 */
extern MUST_CHECK bool tail_check(const RelayConfig *config, TailCheck *check, Error *error);

#endif
