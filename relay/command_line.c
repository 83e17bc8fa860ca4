/*
 * command_line.c
 *	  The commands of outbox-relay, their arguments and the help.
 *
 * Refuses an argument that the command doesn't have, and a second command.
 */
#include "command_line.h"

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
		"  outbox-relay verify [--since TIME] [--until TIME] [--max-events N] [OPTION]...\n"
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
		"  --force           also while a relay reads the slot: cut it off\n"
		"\n"
		"Instead of a command:\n"
		"  --help            this\n"
		"  --version         versions of the program and of its Kafka library\n"
		"  --check-config    check the settings and exit\n"
		"  --print-config    each setting with its value and where it came from\n"
		"  --print-sample    a configuration file with every setting\n"
		"  --print-markdown  the settings as a table for the documentation\n"
		"  --config FILE     read settings from FILE\n"
		"\n",
		peek_help, replay_help, verify_help, repartition_help);
	options_print_help(&relay_option_table, stdout);
}

static ArgResult
take_init_argument(const char *argument, InitRequest *request)
{
	if (strcmp(argument, "--accept-gap") == 0)
		request->accept_gap = true;
	else if (strcmp(argument, "--no-failover") == 0)
		request->no_failover = true;
	else if (strcmp(argument, "--existing=publish") == 0)
		request->existing = EXISTING_PUBLISH;
	else if (strcmp(argument, "--existing=skip") == 0)
		request->existing = EXISTING_SKIP;
	else if (strcmp(argument, "--wal-messages=on") == 0)
		request->wal_messages = WAL_MESSAGES_ON;
	else if (strcmp(argument, "--wal-messages=off") == 0)
		request->wal_messages = WAL_MESSAGES_OFF;
	else if (strcmp(argument, "--revoke-messages") == 0)
		request->revoke_messages = true;
	else if (strncmp(argument, "--source-id=", 12) == 0)
		request->source_id = argument + 12;
	else
		return ARG_UNKNOWN;
	return ARG_TAKEN;
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
			return take_init_argument(cursor->argv[cursor->index], &requests->init);
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
					return options_refuse_argument(&relay_option_table, argument, error);
			}
		}
	}
	return true;
}
