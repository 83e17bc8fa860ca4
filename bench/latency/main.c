/*
 * main.c
 *	  latency-probe: the parts of bench-latency that a slow program would spoil.
 *
 *	latency-probe write CONNINFO TYPE FIRST COUNT RATE SEED
 *	latency-probe read SERVERS TOPIC FIRST COUNT
 *	latency-probe watch CONNINFO GROUP COUNT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"
#include "probe.h"

static bool
number(const char *text, int64_t *value)
{
	char *end;

	*value = strtoll(text, &end, 10);
	return *text != '\0' && *end == '\0' && *value >= 0;
}

static bool
run(int argc, char **argv, bool *known, Error *error)
{
	int64_t numbers[4];

	*known = true;
	if (argc == 8 && strcmp(argv[1], "write") == 0 && number(argv[4], &numbers[0]) &&
		number(argv[5], &numbers[1]) && number(argv[6], &numbers[2]) && numbers[2] > 0 &&
		number(argv[7], &numbers[3]))
		return pg_write(&(WriteTask){argv[2], argv[3], numbers[0], numbers[1], (double) numbers[2],
									 (uint64_t) numbers[3]},
						error);
	if (argc == 6 && strcmp(argv[1], "read") == 0 && number(argv[4], &numbers[0]) &&
		number(argv[5], &numbers[1]))
		return kafka_read(&(ReadTask){argv[2], argv[3], numbers[0], numbers[1]}, error);
	if (argc == 5 && strcmp(argv[1], "watch") == 0 && number(argv[4], &numbers[0]))
		return pg_watch(&(WatchTask){argv[2], argv[3], numbers[0]}, error);
	*known = false;
	return false;
}

int
main(int argc, char **argv)
{
	bool known;
	Error error;

	error_clear(&error);
	if (run(argc, argv, &known, &error))
		return EXIT_OK;
	if (known)
		fprintf(stderr, "latency-probe: %s\n", error.message);
	else
		fprintf(stderr, "usage: latency-probe write CONNINFO TYPE FIRST COUNT RATE SEED\n"
						"       latency-probe read SERVERS TOPIC FIRST COUNT\n"
						"       latency-probe watch CONNINFO GROUP COUNT\n");
	return known ? EXIT_BUG : EXIT_CONFIG;
}
