/*
 * verify.h
 *	  outbox-relay verify: is what outbox.event has in the topics, once, and nothing else?
 *
 * Compares by id.  Reads both, changes nothing, joins no group.  It blocks.
 */
#ifndef OUTBOX_RELAY_VERIFY_H
#define OUTBOX_RELAY_VERIFY_H

#include "relay_options.h"
#include "select_args.h"

#include <stdio.h>

typedef struct VerifyRequest
{
	SelectArgs window;	 /* since and until alone */
	uint64_t max_events; /* room for their ids: about 50 to 100 bytes each; 0: a million */
	uint64_t limit;		 /* differences of each kind that get a line; 0: all */
} VerifyRequest;

#define VERIFY_LIMIT_DEFAULT 100

extern const char verify_help[];
extern ArgResult verify_take_argument(ArgCursor *cursor, VerifyRequest *request, Error *error);

typedef enum VerifyVerdict
{
	VERIFY_EQUAL,
	VERIFY_DOUBLED,	 /* as a crash leaves it with at-least-once, and nothing worse */
	VERIFY_DIFFERENT /* something is missing or unexpected */
} VerifyVerdict;

/*
 * Writes "missing ID", "doubled ID TIMES", "unexpected ID", a line each, "and N more KIND" where the
 * limit left some out, then notes, and the counts as the last.  EXIT_GAP, behind the counts, when
 * nothing is missing but the slot that was to bring the rest is gone or lost.
 */
extern MUST_CHECK bool verify_run(const RelayConfig *config, const VerifyRequest *request,
								  FILE *out, VerifyVerdict *verdict, Error *error);

#endif
