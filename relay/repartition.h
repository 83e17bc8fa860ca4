/*
 * repartition.h
 *	  outbox-relay repartition: a new routing map, once everything that was sent by the old one
 *	  is confirmed.  It blocks, and may be run again after a crash at any point.
 */
#ifndef OUTBOX_RELAY_REPARTITION_H
#define OUTBOX_RELAY_REPARTITION_H

#include "command_args.h"
#include "relay_options.h"
#include "repartition_plan.h"
#include "say.h"

#include <stdio.h>

typedef struct RepartitionRequest
{
	TopicRequests topics;
	bool dry_run;
} RepartitionRequest;

extern const char repartition_help[];

extern ArgResult repartition_take_argument(ArgCursor *cursor, RepartitionRequest *request,
										   Error *error);

/*
 * Prints the plan to out.  Errors: EXIT_IN_USE (a relay of the slot runs), EXIT_ROUTING (a topic
 * is gone, or hasn't so many partitions), EXIT_NOT_INITIALIZED (no registration, or no relay has
 * run with it), and those of a relay that can't stream.
 */
extern MUST_CHECK bool repartition_run(const RelayConfig *config, const RepartitionRequest *request,
									   FILE *out, SayFn say, void *arg, Error *error);

#endif
