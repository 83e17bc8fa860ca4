/*
 * capture_args.c
 *	  Reads the arguments of outbox.capture().
 *
 * Refuses what it doesn't know, what is given twice and what would have no effect: a
 * trigger that was written with a mistake must not send something else for years.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/varlena.h"

#include "capture_args.h"
#include "check.h"

#define HINT_EXAMPLE "Write, for example, outbox.capture('order', 'id', 'columns=id, total')."

const char *const outbox_capture_ops[CAPTURE_OPS] = {"insert", "update", "delete", "truncate"};

typedef enum Option
{
	OPTION_COLUMNS,
	OPTION_PAYLOAD,
	OPTION_DELETES,
	OPTION_TRUNCATES,
	OPTION_TYPE_FIRST, /* one for each CaptureOp, in its order */
	OPTION_COUNT = OPTION_TYPE_FIRST + CAPTURE_OPS
} Option;

static const char *const option_names[OPTION_COUNT] = {"columns",	  "payload",	  "deletes",
													   "truncates",	  "insert_type",  "update_type",
													   "delete_type", "truncate_type"};

static List *
parse_columns(const char *what, const char *list)
{
	List *names;

	if (!SplitIdentifierString(pstrdup(list), ',', &names))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s of outbox.capture() must be a list of column names", what),
						errdetail("It is \"%s\".", list),
						errhint("Separate them by commas; a name that is not in lower case, or has "
								"other characters than letters, digits and underscores, stands in "
								"double quotes.")));
	if (names == NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s of outbox.capture() must not be empty", what),
						errdetail("It names no column."), errhint(HINT_EXAMPLE)));
	for (int i = 0; i < list_length(names); i++)
		for (int j = 0; j < i; j++)
			if (strcmp(list_nth(names, i), list_nth(names, j)) == 0)
				ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN),
								errmsg("%s of outbox.capture() must not name a column twice", what),
								errdetail("Column \"%s\" is there twice.",
										  (const char *) list_nth(names, i)),
								errhint("Leave one of them out.")));
	return names;
}

/* Which of the choices is it?  The list of them ends with NULL. */
static int
parse_choice(Option option, const char *value, const char *const *choices)
{
	StringInfoData list;

	for (int i = 0; choices[i] != NULL; i++)
		if (strcmp(choices[i], value) == 0)
			return i;
	initStringInfo(&list);
	for (int i = 0; choices[i] != NULL; i++)
		appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", choices[i]);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid value for option \"%s\" of outbox.capture(): \"%s\"",
						   option_names[option], value),
					errhint("Valid values: %s.", list.data)));
	return 0;
}

static Option
find_option(const char *string, const char *equals)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (equals != NULL && strlen(option_names[i]) == (size_t) (equals - string) &&
			memcmp(option_names[i], string, equals - string) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown option of outbox.capture(): \"%s\"", string),
			 errdetail("Options are columns, payload, deletes, truncates, insert_type, "
					   "update_type, delete_type and truncate_type."),
			 errhint("Write an option as name=value; all key columns stand in one argument.")));
	return OPTION_COUNT;
}

static void
parse_option(CaptureArgs *args, Option option, const char *value, bool *deletes_set)
{
	static const char *const payloads[] = {"change", "row", NULL};
	static const char *const deletes[] = {"event", "tombstone", "both", NULL};
	static const char *const truncates[] = {"error", "event", NULL};
	int choice;

	switch (option)
	{
		case OPTION_COLUMNS:
			args->columns = parse_columns("the column list", value);
			break;
		case OPTION_PAYLOAD:
			args->row_alone = parse_choice(option, value, payloads) == 1;
			break;
		case OPTION_DELETES:
			choice = parse_choice(option, value, deletes);
			args->delete_event = choice != 1;
			args->delete_tombstone = choice != 0;
			*deletes_set = true;
			break;
		case OPTION_TRUNCATES:
			args->truncate_event = parse_choice(option, value, truncates) == 1;
			break;
		default:
			args->types[option - OPTION_TYPE_FIRST] = value;
	}
}

/* Lets the check of every event say what is wrong with the aggregate type. */
static void
check_aggregatetype(const char *aggregatetype)
{
	OutboxEvent event = {0};

	event.aggregatetype = cstring_to_text(aggregatetype);
	outbox_check_event(&event);
}

void
outbox_capture_parse(CaptureArgs *args, int count, char *const *strings)
{
	static const char *const types[CAPTURE_OPS] = {"created", "updated", "deleted", "truncated"};
	bool seen[OPTION_COUNT] = {false};
	bool deletes_set = false;

	memset(args, 0, sizeof(*args));
	memcpy(args->types, types, sizeof(types));
	if (count < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("outbox.capture() needs an aggregate type and the key columns"),
				 errdetail_plural("It has %d argument.", "It has %d arguments.", count, count),
				 errhint(HINT_EXAMPLE)));
	args->aggregatetype = strings[0];
	check_aggregatetype(args->aggregatetype);
	args->key = parse_columns("the key", strings[1]);
	for (int i = 2; i < count; i++)
	{
		const char *equals = strchr(strings[i], '=');
		Option option = find_option(strings[i], equals);

		if (seen[option])
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" of outbox.capture() must not be given twice",
								   option_names[option]),
							errdetail("The second one is \"%s\".", strings[i]),
							errhint("Leave one of them out.")));
		seen[option] = true;
		parse_option(args, option, equals + 1, &deletes_set);
	}
	if (!deletes_set)
	{
		args->delete_event = !args->row_alone;
		args->delete_tombstone = args->row_alone;
	}
	if (args->row_alone && args->truncate_event)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("outbox.capture() cannot send a TRUNCATE as a row"),
						errdetail("With payload=row a payload is a row, and a TRUNCATE has none."),
						errhint("Use payload=change, or truncates=error.")));
}
