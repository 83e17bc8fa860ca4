/*
 * select_args.h
 *	  The arguments that select rows of outbox.event, for replay and verify.  Pure.
 */
#ifndef OUTBOX_RELAY_SELECT_ARGS_H
#define OUTBOX_RELAY_SELECT_ARGS_H

#include "buffer.h"
#include "command_args.h"
#include "envelope.h"
#include "route.h"

/* A zeroed one is empty; select_args_free() it. */
typedef struct SelectArgs
{
	bool gap;
	const char *since;
	const char *until;
	Buffer ids; /* an array of uuid as text, without its last brace */
	char aggregate_type[TOPIC_NAME_MAX + 1];
	const char *aggregate_id; /* NULL: all of the type */
	bool begun;
} SelectArgs;

/* --since TIME, --until TIME */
extern ArgResult select_take_window(ArgCursor *cursor, SelectArgs *args, Error *error);
/* --gap, --id UUID[,UUID]... (again and again), --aggregate TYPE[/ID]; the window, too */
extern ArgResult select_take_argument(ArgCursor *cursor, SelectArgs *args, Error *error);

/* Ends the list of ids; EXIT_CONFIG when nothing is selected, or --gap and something else. */
extern MUST_CHECK bool select_finish(SelectArgs *args, Error *error);
extern void select_args_free(SelectArgs *args);

#endif
