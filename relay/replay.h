/*
 * replay.h
 *	  outbox-relay replay: rows of outbox.event are published again.
 *
 * Same id, key, value and partition as the first time, with the header outbox-replayed
 * and the time of now, beside a relay that goes on streaming.  It blocks.
 */
#ifndef OUTBOX_RELAY_REPLAY_H
#define OUTBOX_RELAY_REPLAY_H

#include "relay_options.h"
#include "replay_send.h"
#include "select_args.h"

#include <stdio.h>

typedef struct ReplayRequest
{
	SelectArgs select;
	bool dry_run;	 /* say what would be done */
	bool incomplete; /* also when rows of the selection may be gone */
} ReplayRequest;

extern const char replay_help[];
extern ArgResult replay_take_argument(ArgCursor *cursor, ReplayRequest *request, Error *error);

/*
 * true: everything that was selected is acknowledged by Kafka or a dead letter, or would be sent
 * (dry_run).
 * What there is and what was done go to out, a line each.
 */
extern MUST_CHECK bool replay_run(const RelayConfig *config, ReplayRequest *request, FILE *out,
								  SayFn say, void *arg, Error *error);

#endif
