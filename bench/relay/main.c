/*
 * main.c
 *	  bench-relay: a null client for the ceiling, a bare producer, and a look at what a topic holds.
 *
 * Refuses commands that it doesn't know, and any number of arguments but theirs.
 */
#include "commands.h"
#include "exit_codes.h"

#include <stdio.h>
#include <string.h>

typedef struct Command
{
	const char *name;
	int least;
	int most;
	bool (*run)(char **args, Error *error);
} Command;

static const Command commands[] = {
	{"null", 4, 4, command_null},
	{"check", 3, 3, command_check},
	{"send", 4, 64, command_send},
};

int
main(int argc, char **argv)
{
	Error error;

	error_clear(&error);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands) && argc > 1; i++)
	{
		if (strcmp(argv[1], commands[i].name) != 0 || argc - 2 < commands[i].least ||
			argc - 2 > commands[i].most)
			continue;
		if (commands[i].run(argv + 2, &error))
			return EXIT_OK;
		fprintf(stderr, "bench-relay: %s\n", error.message);
		return error.exit_code;
	}
	fprintf(stderr, "usage: bench-relay null CONNINFO SLOT PUBLICATION LSN\n"
					"       bench-relay check SERVERS TOPIC EVENTS\n"
					"       bench-relay send SERVERS TOPIC EVENTS OTHER [PROPERTY=VALUE...]\n");
	return EXIT_CONFIG;
}
