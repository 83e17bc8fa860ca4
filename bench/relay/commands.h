/*
 * commands.h
 *	  What bench-relay can do.  Each prints one line of JSON and returns true, or fills the Error.
 */
#ifndef OUTBOX_BENCH_COMMANDS_H
#define OUTBOX_BENCH_COMMANDS_H

#include "error.h"

/*
 * CONNINFO SLOT PUBLICATION LSN: has the walsender decode as for the relay, until a commit ends at that
 * position or behind it, and throws all away.  Confirms nothing: the slot can be read again.
 */
extern MUST_CHECK bool command_null(char **args, Error *error);

/*
 * SERVERS TOPIC EVENTS: whether a topic holds the events 0 to EVENTS - 1, each once, and in each
 * partition in their order.  An event says its number at the start of its value: {"n": 17
 */
extern MUST_CHECK bool command_check(char **args, Error *error);

/*
 * SERVERS TOPIC EVENTS OTHER [PROPERTY=VALUE...]: reads such a topic into memory, and then sends the same
 * messages to the same partitions of the other one.  What is measured is the sending alone.
 */
extern MUST_CHECK bool command_send(char **args, Error *error);

#endif
