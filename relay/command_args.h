/*
 * command_args.h
 *	  Arguments of single commands, behind the settings: --name VALUE or --name=VALUE.  Pure.
 */
#ifndef OUTBOX_RELAY_COMMAND_ARGS_H
#define OUTBOX_RELAY_COMMAND_ARGS_H

#include "error.h"
#include "lsn.h"

#include <stdint.h>

/* What became of an argument. */
typedef enum ArgResult
{
	ARG_TAKEN,
	ARG_UNKNOWN,
	ARG_WRONG /* the Error is filled (EXIT_CONFIG) */
} ArgResult;

typedef struct ArgCursor
{
	int argc;
	char **argv;
	int index; /* moves on when a value stands in an argument of its own */
} ArgCursor;

/* Whether the argument is name; then *value is what follows (not empty), or ARG_WRONG. */
extern ArgResult arg_value(ArgCursor *cursor, const char *name, const char **value, Error *error);
extern ArgResult arg_count(ArgCursor *cursor, const char *name, uint64_t min, uint64_t max,
						   uint64_t *count, Error *error);
extern ArgResult arg_lsn(ArgCursor *cursor, const char *name, PgLsn *lsn, Error *error);
/* choices are separated by '|'; *index is that of the one that was given. */
extern ArgResult arg_choice(ArgCursor *cursor, const char *name, const char *choices, int *index,
							Error *error);
extern ArgResult arg_flag(ArgCursor *cursor, const char *name, bool *flag);

#endif
