/*
 * redrive.h
 *	  outbox-consumer redrive: applies dead letters of this group to this target.
 *
 * By the rows of outbox_inbox.dead_letter, in the order in which they were written,
 * each in a transaction of its own, and each once: docs/decisions/0151.  What can't
 * be applied still, and what isn't where its row says, is told and stays.
 */
#ifndef OUTBOX_CONSUMER_REDRIVE_H
#define OUTBOX_CONSUMER_REDRIVE_H

#include <stdio.h>

#include "consumer_options.h"
#include "handlers.h"

/*
 * The numbers go to out.  False: the Error is filled; EXIT_DATA when it came to the
 * end and some stay.
 */
extern MUST_CHECK bool redrive_run(const ConsumerConfig *config, Handlers *handlers, FILE *out,
								   Error *error);

#endif
