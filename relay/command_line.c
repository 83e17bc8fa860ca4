/*
 * command_line.c
 *	  The commands of outbox-relay, their arguments and the help.
 *
 * Refuses an argument that the command doesn't have, with what is meant or whose it is, and
 * a second command.
 */
#include "command_line.h"

#include "exit_codes.h"

#include <stdio.h>
#include <string.h>

typedef struct CommandName
{
	const char *name;
	Command command;
} CommandName;

static const CommandName commands[] = {
	{"init", COMMAND_INIT},
	{"run", COMMAND_RUN},
	{"peek", COMMAND_PEEK},
	{"replay", COMMAND_REPLAY},
	{"verify", COMMAND_VERIFY},
	{"repartition", COMMAND_REPARTITION},
	{"teardown", COMMAND_TEARDOWN},
	{"doctor", COMMAND_DOCTOR},
	{"status", COMMAND_STATUS},
	{"help", COMMAND_HELP},
	{"--help", COMMAND_HELP},
	{"-h", COMMAND_HELP},
	{"--version", COMMAND_VERSION},
	{"--check-config", COMMAND_CHECK_CONFIG},
	{"--print-config", COMMAND_PRINT_CONFIG},
	{"--print-sample", COMMAND_PRINT_SAMPLE},
	{"--print-markdown", COMMAND_PRINT_MARKDOWN},
	{"--print-metrics", COMMAND_PRINT_METRICS},
	{NULL, COMMAND_NONE},
};

void
command_line_help(void)
{
	printf(
		"outbox-relay brings committed events from outbox.event to Kafka.\n"
		"\n"
		"Usage:\n"
		"  outbox-relay init [--existing=publish|skip] [--accept-gap] [--source-id=ID] "
		"[--no-failover]\n"
		"                    [--wal-messages=on|off] [--revoke-messages] [OPTION]...\n"
		"  outbox-relay run [OPTION]...\n"
		"  outbox-relay doctor [--json] [OPTION]...\n"
		"  outbox-relay status [--json] [OPTION]...\n"
		"  outbox-relay peek [--limit N] [--from LSN] [--payload] [OPTION]...\n"
		"  outbox-relay replay SELECTION... [--dry-run] [--incomplete] [OPTION]...\n"
		"  outbox-relay verify [--since TIME] [--until TIME] [--max-events N] [--limit N] "
		"[OPTION]...\n"
		"  outbox-relay repartition [--topic NAME[=PARTITIONS]]... [--dry-run] [OPTION]...\n"
		"  outbox-relay teardown [--yes] [--force] [OPTION]...\n"
		"\n"
		"Commands:\n"
		"  init              make the publication, the registration and the slot; safe to repeat\n"
		"  run               publish until told to stop (SIGTERM drains, a second one stops at "
		"once)\n"
		"  doctor            check servers, privileges, settings and topics, and print the line "
		"that "
		"mends each\n"
		"                    finding; changes nothing, also beside a running relay\n"
		"  status            the slot's row of outbox.status, and whether a relay is connected\n"
		"  peek              print what the slot would give next, a line of JSON an event, and "
		"confirm nothing\n"
		"  replay            publish events again that outbox.event still has, flagged, beside a "
		"relay\n"
		"  verify            compare outbox.event with the topics, by id; status 1: they differ\n"
		"  repartition       take over other partition counts and routing settings, while no relay "
		"runs\n"
		"  teardown          remove the slot, the publication and the registration; safe to "
		"repeat\n"
		"\n"
		"Of init:\n"
		"  --existing=publish|skip  rows that are already in outbox.event (default: publish)\n"
		"  --accept-gap      the slot is lost: make a new one, and go on without what it missed\n"
		"  --no-failover     since PostgreSQL 17 standbys may copy the slot; not this one\n"
		"  --source-id=ID    names this source in positions for ever (default: database and 8 "
		"digits)\n"
		"  --wal-messages=on|off  whether logical messages are events (pg_outbox.storage = wal); "
		"the\n"
		"                    slot's relays have to be stopped (default: as it is, off at first)\n"
		"  --revoke-messages  take the right to write logical messages from PUBLIC: who has it "
		"can\n"
		"                    forge such events\n"
		"\n"
		"Of doctor and status:\n"
		"  --json            for machines\n"
		"\n"
		"%s%s%s%s"
		"Of teardown:\n"
		"  --yes             do it; without it only what is there is said\n"
		"  --force           also while a relay reads the slot: cut it off; and with events that "
		"aren't\n"
		"                    published: give them up\n"
		"\n"
		"Instead of a command:\n"
		"  --help            this\n"
		"  --version         versions of the program and of its Kafka library\n"
		"  --check-config    check the settings and exit\n"
		"  --print-config    each setting with its value and where it came from\n"
		"  --print-sample    a configuration file with every setting\n"
		"  --print-markdown  the settings as a table for the documentation\n"
		"  --print-metrics   what /metrics serves, as such a table\n"
		"  --config FILE     read settings from FILE\n"
		"\n",
		peek_help, replay_help, verify_help, repartition_help);
	options_print_help(&relay_option_table, stdout);
}

static ArgResult
take_init_argument(ArgCursor *cursor, InitRequest *request, Error *error)
{
	int choice = 0;
	ArgResult result = arg_flag(cursor, "--accept-gap", &request->accept_gap);

	if (result == ARG_UNKNOWN)
		result = arg_flag(cursor, "--no-failover", &request->no_failover);
	if (result == ARG_UNKNOWN)
		result = arg_flag(cursor, "--revoke-messages", &request->revoke_messages);
	if (result == ARG_UNKNOWN)
		result = arg_value(cursor, "--source-id", &request->source_id, error);
	if (result != ARG_UNKNOWN)
		return result;
	result = arg_choice(cursor, "--existing", "publish|skip", &choice, error);
	if (result == ARG_TAKEN)
	{
		request->existing = choice == 0 ? EXISTING_PUBLISH : EXISTING_SKIP;
		request->existing_given = true;
	}
	if (result != ARG_UNKNOWN)
		return result;
	result = arg_choice(cursor, "--wal-messages", "on|off", &choice, error);
	if (result == ARG_TAKEN)
		request->wal_messages = choice == 0 ? WAL_MESSAGES_ON : WAL_MESSAGES_OFF;
	return result;
}

static ArgResult
take_teardown_argument(ArgCursor *cursor, TeardownRequest *request)
{
	ArgResult result = arg_flag(cursor, "--yes", &request->yes);

	return result == ARG_TAKEN ? result : arg_flag(cursor, "--force", &request->force);
}

static ArgResult
take_argument(ArgCursor *cursor, Command command, Requests *requests, Error *error)
{
	switch (command)
	{
		case COMMAND_INIT:
			return take_init_argument(cursor, &requests->init, error);
		case COMMAND_PEEK:
			return peek_take_argument(cursor, &requests->peek, error);
		case COMMAND_REPLAY:
			return replay_take_argument(cursor, &requests->replay, error);
		case COMMAND_VERIFY:
			return verify_take_argument(cursor, &requests->verify, error);
		case COMMAND_REPARTITION:
			return repartition_take_argument(cursor, &requests->repartition, error);
		case COMMAND_TEARDOWN:
			return take_teardown_argument(cursor, &requests->teardown);
		case COMMAND_DOCTOR:
			return arg_flag(cursor, "--json", &requests->doctor.json);
		case COMMAND_STATUS:
			return arg_flag(cursor, "--json", &requests->status_json);
		default:
			return ARG_UNKNOWN;
	}
}

/* -------------------------------------------------------------------------
 * what nobody takes
 * -------------------------------------------------------------------------
 */

/* Of all commands, for what was meant. */
static const char *const argument_names[] = {"--topic",
											 "--existing",
											 "--accept-gap",
											 "--source-id",
											 "--no-failover",
											 "--wal-messages",
											 "--revoke-messages",
											 "--json",
											 "--limit",
											 "--from",
											 "--payload",
											 "--gap",
											 "--since",
											 "--until",
											 "--id",
											 "--aggregate",
											 "--dry-run",
											 "--incomplete",
											 "--max-events",
											 "--yes",
											 "--force",
											 "--config",
											 "--help",
											 "--version",
											 "--check-config",
											 "--print-config",
											 "--print-sample",
											 "--print-metrics",
											 NULL};

/* Whether a command has an argument of this name; is_flag: one without a value. */
static bool
has_argument(Command command, const char *name, bool *is_flag)
{
	/* Alone: what needs a value refuses it, and nothing is kept. */
	char *argv[] = {(char *) name, NULL};
	ArgCursor cursor = {1, argv, 0};
	Requests scratch = {.init = {.existing = EXISTING_PUBLISH}};
	ArgResult result;
	Error ignored;

	error_clear(&ignored);
	result = take_argument(&cursor, command, &scratch, &ignored);
	*is_flag = result == ARG_TAKEN;
	return result != ARG_UNKNOWN;
}

static const char *
name_of(Command command)
{
	for (const CommandName *name = commands; name->name != NULL; name++)
	{
		if (name->command == command)
			return name->name;
	}
	return "";
}

static bool
hint_commands(Error *error)
{
	char names[256] = "";
	size_t used = 0;

	for (const CommandName *name = commands; name->command < COMMAND_HELP; name++)
		used += (size_t) snprintf(names + used, sizeof(names) - used, "%s%s", used > 0 ? ", " : "",
								  name->name);
	return error_hint(error, "The commands are %s; see --help.", names);
}

static bool
refuse_word(const char *word, Command command, Error *error)
{
	const char *near = NULL;
	size_t best = SIZE_MAX;

	if (command != COMMAND_NONE)
	{
		error_permanent(error, EXIT_CONFIG, "unrecognized argument \"%s\"", word);
		return error_detail(error, "The command is \"%s\".", name_of(command));
	}
	error_permanent(error, EXIT_CONFIG, "unrecognized command \"%s\"", word);
	for (const CommandName *name = commands; name->name != NULL; name++)
	{
		size_t apart = options_misspelling(word, name->name);

		if (apart < best)
		{
			best = apart;
			near = name->name;
		}
	}
	if (near != NULL)
		return error_hint(error, "Did you mean \"%s\"?", near);
	return hint_commands(error);
}

/* An argument of another command; false with nothing filled: it is of none. */
static bool
refuse_foreign(const char *name, Command command, Error *error)
{
	char owners[256] = "";
	size_t used = 0;
	bool is_flag;

	for (const CommandName *owner = commands; owner->command < COMMAND_HELP; owner++)
	{
		if (has_argument(owner->command, name, &is_flag))
			used += (size_t) snprintf(owners + used, sizeof(owners) - used, "%s\"%s\"",
									  used > 0 ? ", " : "", owner->name);
	}
	if (used == 0)
		return false;
	error_permanent(error, EXIT_CONFIG, "\"%s\" is an option of %s", name, owners);
	if (command == COMMAND_NONE)
		error_hint(error, "It stands behind the command.");
	else
		error_detail(error, "The command is \"%s\".", name_of(command));
	return true;
}

static bool
refuse_option(const char *argument, Command command, Error *error)
{
	char name[64];
	const char *near = NULL;
	size_t best = SIZE_MAX;
	bool is_flag = false;
	int len = (int) strcspn(argument, "=");

	snprintf(name, sizeof(name), "%.*s", len, argument);
	if (has_argument(command, name, &is_flag) && is_flag)
		return error_permanent(error, EXIT_CONFIG, "option \"%s\" takes no value", name);
	if (refuse_foreign(name, command, error))
		return false;
	(void) options_refuse_argument(&relay_option_table, argument, error);
	for (int i = 0; argument_names[i] != NULL; i++)
	{
		size_t apart = options_misspelling(name + strspn(name, "-"), argument_names[i] + 2);

		if (apart < best)
		{
			best = apart;
			near = argument_names[i];
		}
	}
	if (near != NULL)
		error_hint(error, "Did you mean \"%s\"?", near);
	return false;
}

bool
command_line_read(int argc, char **argv, Command *command, Requests *requests, Error *error)
{
	ArgCursor cursor = {argc, argv, 1};

	for (; cursor.index < argc; cursor.index++)
	{
		const char *argument = argv[cursor.index];
		const CommandName *name = commands;

		while (name->name != NULL && strcmp(name->name, argument) != 0)
			name++;
		if (name->name != NULL && (*command == COMMAND_NONE || *command == name->command))
			*command = name->command;
		else if (name->name != NULL && name->command >= COMMAND_HELP)
			*command = name->command; /* "run --check-config" */
		else
		{
			switch (take_argument(&cursor, *command, requests, error))
			{
				case ARG_TAKEN:
					break;
				case ARG_WRONG:
					return false;
				default:
					return argument[0] == '-' ? refuse_option(argument, *command, error)
											  : refuse_word(argument, *command, error);
			}
		}
	}
	return true;
}
