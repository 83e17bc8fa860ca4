/*
 * select_args.c
 *	  The arguments that select rows of outbox.event.
 *
 * Refuses what is no uuid, an aggregate without a type, and a selection of nothing: to
 * publish everything again must have been asked for (--since).
 */
#include "select_args.h"

#include "exit_codes.h"

#include <stdio.h>
#include <string.h>

#define IDS_MAX ((size_t) 16 << 20) /* bytes of text */

static void
begin_ids(SelectArgs *args)
{
	if (args->begun)
		return;
	buffer_init(&args->ids, IDS_MAX);
	args->begun = true;
}

static ArgResult
wrong(Error *error, const char *name, const char *value, const char *what)
{
	error_permanent(error, EXIT_CONFIG, "option \"%s\": \"%.64s\" is no %s", name, value, what);
	return ARG_WRONG;
}

static ArgResult
take_ids(SelectArgs *args, const char *value, Error *error)
{
	const char *end = value + strlen(value);

	begin_ids(args);
	for (;;)
	{
		const char *comma = memchr(value, ',', (size_t) (end - value));
		size_t len = (size_t) ((comma != NULL ? comma : end) - value);
		uint8_t id[UUID_SIZE];

		if (!uuid_parse(value, len, id))
			return wrong(error, "--id", value, "uuid");
		buffer_append_str(&args->ids, args->ids.len == 0 ? "{" : ",");
		buffer_append(&args->ids, value, len);
		if (value[len] == '\0')
			return ARG_TAKEN;
		value += len + 1;
	}
}

static ArgResult
take_aggregate(SelectArgs *args, const char *value, Error *error)
{
	size_t len = strcspn(value, "/");

	if (len == 0 || len > TOPIC_NAME_MAX)
		return wrong(error, "--aggregate", value, "aggregate type, or type and id as TYPE/ID");
	memcpy(args->aggregate_type, value, len);
	args->aggregate_type[len] = '\0';
	args->aggregate_id = value[len] == '/' ? value + len + 1 : NULL;
	return ARG_TAKEN;
}

ArgResult
select_take_window(ArgCursor *cursor, SelectArgs *args, Error *error)
{
	ArgResult result = arg_value(cursor, "--since", &args->since, error);

	return result != ARG_UNKNOWN ? result : arg_value(cursor, "--until", &args->until, error);
}

ArgResult
select_take_argument(ArgCursor *cursor, SelectArgs *args, Error *error)
{
	const char *value;
	ArgResult result = select_take_window(cursor, args, error);

	if (result == ARG_UNKNOWN)
		result = arg_flag(cursor, "--gap", &args->gap);
	if (result != ARG_UNKNOWN)
		return result;
	result = arg_value(cursor, "--id", &value, error);
	if (result == ARG_TAKEN)
		return take_ids(args, value, error);
	if (result != ARG_UNKNOWN)
		return result;
	result = arg_value(cursor, "--aggregate", &value, error);
	return result == ARG_TAKEN ? take_aggregate(args, value, error) : result;
}

bool
select_finish(SelectArgs *args, Error *error)
{
	bool others = args->since != NULL || args->until != NULL || args->begun ||
				  args->aggregate_type[0] != '\0';

	if (args->gap && others)
		return error_permanent(error, EXIT_CONFIG, "--gap goes with no other selection");
	if (!args->gap && !others)
	{
		error_permanent(error, EXIT_CONFIG, "no events are selected");
		return error_hint(error, "Pass --gap, or --since, --until, --id, --aggregate.");
	}
	if (!args->begun)
		return true;
	buffer_append_str(&args->ids, "}");
	return !args->ids.failed ||
		   error_permanent(error, EXIT_CONFIG, "option \"--id\": too many ids");
}

void
select_args_free(SelectArgs *args)
{
	if (args->begun)
		buffer_free(&args->ids);
	*args = (SelectArgs){0};
}
