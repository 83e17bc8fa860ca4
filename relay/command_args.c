/*
 * command_args.c
 *	  Arguments of single commands, behind the settings.
 *
 * Refuses an argument without its value, and a value that isn't what it must be, with
 * the argument's name.
 */
#include "command_args.h"

#include "exit_codes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ArgResult
arg_value(ArgCursor *cursor, const char *name, const char **value, Error *error)
{
	const char *argument = cursor->argv[cursor->index];
	size_t len = strlen(name);

	if (strncmp(argument, name, len) != 0 || (argument[len] != '\0' && argument[len] != '='))
		return ARG_UNKNOWN;
	*value = NULL;
	if (argument[len] == '=')
		*value = argument + len + 1;
	else if (cursor->index + 1 < cursor->argc &&
			 strncmp(cursor->argv[cursor->index + 1], "--", 2) != 0)
		*value = cursor->argv[++cursor->index];
	if (*value != NULL && **value != '\0')
		return ARG_TAKEN;
	error_permanent(error, EXIT_CONFIG, "option \"%s\" needs a value", name);
	return ARG_WRONG;
}

ArgResult
arg_count(ArgCursor *cursor, const char *name, uint64_t min, uint64_t max, uint64_t *count,
		  Error *error)
{
	const char *value;
	char *end;
	ArgResult result = arg_value(cursor, name, &value, error);

	if (result != ARG_TAKEN)
		return result;
	errno = 0;
	*count = strtoull(value, &end, 10);
	if (isdigit((unsigned char) *value) && *end == '\0' && errno == 0 && *count >= min &&
		*count <= max)
		return ARG_TAKEN;
	if (max >= UINT64_MAX - 1)
		error_permanent(error, EXIT_CONFIG, "option \"%s\": \"%s\" is no number of at least %llu",
						name, value, (unsigned long long) min);
	else
		error_permanent(error, EXIT_CONFIG, "option \"%s\": \"%s\" is no number from %llu to %llu",
						name, value, (unsigned long long) min, (unsigned long long) max);
	return ARG_WRONG;
}

ArgResult
arg_lsn(ArgCursor *cursor, const char *name, PgLsn *lsn, Error *error)
{
	const char *value;
	ArgResult result = arg_value(cursor, name, &value, error);

	if (result != ARG_TAKEN)
		return result;
	if (lsn_parse(value, strlen(value), lsn) && *lsn != LSN_INVALID)
		return ARG_TAKEN;
	error_permanent(error, EXIT_CONFIG, "option \"%s\": \"%s\" is no position in the WAL", name,
					value);
	error_hint(error, "It is written as PostgreSQL writes it: 0/16B374D8, for example.");
	return ARG_WRONG;
}

/* "a|b|c" as "a, b or c" */
static void
hint_choices(Error *error, const char *choices)
{
	char text[200] = "";
	size_t used = 0;

	for (const char *choice = choices; used < sizeof(text);)
	{
		size_t len = strcspn(choice, "|");
		const char *next = choice + len + 1;
		const char *between = "";

		if (choice[len] == '|')
			between = strchr(next, '|') != NULL ? ", " : " or ";
		used += (size_t) snprintf(text + used, sizeof(text) - used, "%.*s%s", (int) len, choice,
								  between);
		if (choice[len] == '\0')
			break;
		choice = next;
	}
	error_hint(error, "It is %s.", text);
}

ArgResult
arg_choice(ArgCursor *cursor, const char *name, const char *choices, int *index, Error *error)
{
	const char *value;
	const char *choice = choices;
	ArgResult result = arg_value(cursor, name, &value, error);

	if (result == ARG_WRONG)
		hint_choices(error, choices);
	if (result != ARG_TAKEN)
		return result;
	for (*index = 0;; ++*index)
	{
		size_t len = strcspn(choice, "|");

		if (strlen(value) == len && memcmp(value, choice, len) == 0)
			return ARG_TAKEN;
		if (choice[len] == '\0')
			break;
		choice += len + 1;
	}
	error_permanent(error, EXIT_CONFIG, "option \"%s\": unrecognized value \"%s\"", name, value);
	hint_choices(error, choices);
	return ARG_WRONG;
}

ArgResult
arg_flag(ArgCursor *cursor, const char *name, bool *flag)
{
	if (strcmp(cursor->argv[cursor->index], name) != 0)
		return ARG_UNKNOWN;
	*flag = true;
	return ARG_TAKEN;
}
