/*
 * commands.h
 *	  Commands that do one thing and end: init, check and redrive.
 */
#ifndef OUTBOX_CONSUMER_COMMANDS_H
#define OUTBOX_CONSUMER_COMMANDS_H

#include "consumer_options.h"
#include "handlers.h"

/* All that can be checked without any peer; handlers_init() was called. */
extern MUST_CHECK bool command_settings(ConsumerConfig *config, Handlers *handlers,
										const Options *options, Error *error);

/* Each prints to stdout. */
extern MUST_CHECK bool command_init(const Options *options, Error *error);
extern MUST_CHECK bool command_check(const Options *options, Error *error);
extern MUST_CHECK bool command_redrive(const Options *options, Error *error);

#endif
