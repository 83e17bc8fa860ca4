/*
 * peek.h
 *	  outbox-relay peek: what the slot would give next, decoded and routed, and not
 *	  confirmed.
 *
 * Reads a temporary copy of the slot, so it works beside an active relay and takes
 * nothing from it.  The server drops the copy when the connection ends.  It blocks.
 */
#ifndef OUTBOX_RELAY_PEEK_H
#define OUTBOX_RELAY_PEEK_H

#include "command_args.h"
#include "relay_options.h"
#include "say.h"

#include <stdio.h>

typedef struct PeekRequest
{
	uint64_t limit; /* events; 0: all that are committed when it starts */
	PgLsn from;		/* LSN_INVALID: where a relay would go on */
	bool payload;	/* show it */
} PeekRequest;

extern const char peek_help[];
extern ArgResult peek_take_argument(ArgCursor *cursor, PeekRequest *request, Error *error);

/* A line for each event (peek_line.h); that there is none is said. */
extern MUST_CHECK bool peek_run(const RelayConfig *config, const PeekRequest *request, FILE *out,
								SayFn say, void *arg, Error *error);

#endif
