/*
 * pg_teardown.h
 *	  outbox-relay teardown: what init made, taken away again.
 *
 * May be run again at any time, and by somebody else: it goes on where it broke off,
 * and nothing to do is no error.  It blocks.
 */
#ifndef OUTBOX_RELAY_PG_TEARDOWN_H
#define OUTBOX_RELAY_PG_TEARDOWN_H

#include "relay_options.h"
#include "say.h"

typedef struct TeardownRequest
{
	bool yes; /* without it nothing is done, only said */
	/* Also when a relay reads the slot: its connection is ended.  And when events aren't published. */
	bool force;
} TeardownRequest;

extern MUST_CHECK bool pg_teardown_run(const RelayConfig *config, const TeardownRequest *request,
									   SayFn say, void *arg, Error *error);

#endif
