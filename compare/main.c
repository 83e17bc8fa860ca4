/*
 * main.c
 *	  The command line of outbox-compare.
 *
 * Exit status: 0 when the ledgers are as they should be, EXIT_VERDICT when they
 * aren't, 130 after an interrupt, else that of exit_codes.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "child.h"
#include "compare_options.h"
#include "exit_codes.h"
#include "files.h"
#include "guard.h"
#include "ingest_main.h"
#include "interrupt.h"
#include "places.h"
#include "report_command.h"
#include "run.h"
#include "scenario_store.h"
#include "version.h"

#define EXIT_VERDICT 30
#define DESCRIPTORS 65536
#define SERVE_RESET_USEC (5 * USEC_PER_SEC)

extern char **environ;

static void
print_usage(FILE *out)
{
	fputs("Usage: outbox-compare run SCENARIO... [OPTION]...\n"
		  "       outbox-compare run --all [OPTION]...\n"
		  "       outbox-compare serve [OPTION]...\n"
		  "       outbox-compare list\n"
		  "       outbox-compare report FILE.json [--out=DIR]\n"
		  "\n"
		  "Puts the same load through several paths at the same time, breaks parts of the\n"
		  "system as a scenario says, and counts what became of every request. It starts the\n"
		  "servers that it needs itself and removes them at the end.\n"
		  "\n"
		  "A scenario is the name of one of those that \"list\" shows, or a file of your own.\n"
		  "\n"
		  "\"serve\" keeps the load going for the live page, whose buttons break and mend parts;\n"
		  "Ctrl-C ends it, with its report.\n"
		  "\n"
		  "  --help            this text\n"
		  "  --version         the version\n"
		  "  --print-config    the settings and where each comes from\n"
		  "\n",
		  out);
	options_print_help(&compare_option_table, out);
}

static int
fail(const Error *error)
{
	fprintf(stderr, "outbox-compare: %s\n", error->message);
	if (error->detail[0] != '\0')
		fprintf(stderr, "DETAIL:  %s\n", error->detail);
	if (error->hint[0] != '\0')
		fprintf(stderr, "HINT:  %s\n", error->hint);
	return error->exit_code > 0 ? error->exit_code : EXIT_BUG;
}

/* "--all" alone is "--all=on". */
static void
complete_switches(int argc, char **argv)
{
	static const char *const switches[] = {"--all", "--short", "--price", "--keep"};
	static char complete[][12] = {"--all=on", "--short=on", "--price=on", "--keep=on"};

	for (int i = 1; i < argc; i++)
	{
		for (size_t j = 0; j < sizeof(switches) / sizeof(switches[0]); j++)
		{
			if (strcmp(argv[i], switches[j]) == 0)
				argv[i] = complete[j];
		}
	}
}

static bool
load_options(Options *options, int *argc, char **argv, Error *error)
{
	const char *path;

	complete_switches(*argc, argv);
	return options_load(options, argc, argv, environ, &path, error);
}

static int
run(const CompareConfig *config, const Suite *suite, const Places *places)
{
	RunConfig run_config = {.compare = config,
							.suite = suite,
							.dir = places->dir,
							.tree = places->tree,
							.program_dir = places->program_dir,
							.report_path = places->report};
	Interrupt interrupt;
	Error error;
	bool passed = false;
	bool done;

	error_clear(&error);
	if (!interrupt_init(&interrupt, &error))
		return fail(&error);
	done = run_compare(&run_config, &interrupt, &passed, &error);
	if (!done && interrupt_wanted(&interrupt))
	{
		fputs("outbox-compare: interrupted\n", stderr);
		return GUARD_INTERRUPTED;
	}
	if (!done || !passed)
		places_save_logs(places);
	if (!done)
		return fail(&error);
	return passed ? EXIT_OK : EXIT_VERDICT;
}

/* Clients whose application hangs are many at once, and must not fail for want of descriptors. */
static void
allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int
run_guarded(const CompareConfig *config, const Suite *suite)
{
	Places places;
	Error error;
	pid_t guard = getpid();
	pid_t child;
	int status;

	error_clear(&error);
	allow_descriptors();
	if (!places_find(&places, config, &error))
		return fail(&error);
	switch (guard_split(&child, &error))
	{
		case GUARD_FAILED:
			directory_remove(places.dir);
			return fail(&error);
		case GUARD_IS_RUN:
			status = run(config, suite, &places);
			/* The guard is gone: its last duty is ours. */
			if (getppid() != guard && !config->keep)
				directory_remove(places.dir);
			return status;
		case GUARD_IS_GUARD:
			break;
	}
	status = guard_watch(child, places.dir, config->keep);
	if (config->keep)
		fprintf(stderr, "data and logs: %s\n", places.dir);
	return status;
}

static int
run_command(const CompareConfig *config, char *const *names, int count)
{
	Suite suite;
	Error error;
	int status;

	error_clear(&error);
	if (suite_load(&suite, config, names, count, &error))
		status = run_guarded(config, &suite);
	else
		status = fail(&error);
	suite_free(&suite);
	return status;
}

/* The stage with load on it, for the live page's buttons. */
static int
serve_command(CompareConfig *config)
{
	Suite suite;
	Error error;
	int status;

	error_clear(&error);
	if (config->live == NULL)
		config->live = "127.0.0.1:8088";
	config->repeat = 1;
	/* Somebody is looking: a minute would be long. */
	if (config->breaker_reset_usec == 0)
		config->breaker_reset_usec = SERVE_RESET_USEC;
	if (suite_by_hand(&suite, config, &error))
		status = run_guarded(config, &suite);
	else
		status = fail(&error);
	suite_free(&suite);
	return status;
}

static int
list_command(void)
{
	for (const StoredScenario *entry = scenario_store(); entry->name != NULL; entry++)
	{
		Scenario scenario;
		Error error;

		error_clear(&error);
		if (!scenario_parse(&scenario, entry->name, entry->text, strlen(entry->text), &error))
			return fail(&error);
		printf("%-20s %5g s  %s\n", scenario.name, (double) scenario.duration_usec / USEC_PER_SEC,
			   scenario.title);
	}
	return EXIT_OK;
}

static int
refuse_command(const char *word)
{
	Error error;

	error_permanent(&error, EXIT_CONFIG, "there is no command \"%s\"", word);
	error_hint(&error, "Commands are run, serve, list and report.");
	return fail(&error);
}

static int
refuse_argument_of(const char *word, const char *argument)
{
	Error error;

	error_permanent(&error, EXIT_CONFIG, "%s takes no argument: \"%s\"", word, argument);
	error_hint(&error, "A scenario is played with: outbox-compare run %s", argument);
	return fail(&error);
}

static int
command(Options *options, int argc, char **argv)
{
	CompareConfig config;
	Error error;
	int first = argc > 1 && argv[1][0] != '-' ? 2 : 1;
	int names = first;

	error_clear(&error);
	if (!load_options(options, &argc, argv, &error))
		return fail(&error);
	for (int i = first; i < argc; i++)
	{
		if (strcmp(argv[i], "--print-config") == 0)
		{
			options_print_config(options, stdout);
			return EXIT_OK;
		}
		if (argv[i][0] == '-' && !options_refuse_argument(&compare_option_table, argv[i], &error))
			return fail(&error);
		argv[names++] = argv[i];
	}
	if (!compare_config_fill(&config, options, &error))
		return fail(&error);
	if (first == 2 && strcmp(argv[1], "list") == 0)
		return list_command();
	if (first == 2 && strcmp(argv[1], "serve") == 0)
	{
		if (names > first)
			return refuse_argument_of("serve", argv[first]);
		return serve_command(&config);
	}
	if (first == 2 && strcmp(argv[1], "run") != 0)
		return refuse_command(argv[1]);
	return run_command(&config, argv + first, names - first);
}

static int
make_report(int argc, char **argv)
{
	Error error;

	error_clear(&error);
	return report_command(argc, argv, &error) ? EXIT_OK : fail(&error);
}

int
main(int argc, char **argv)
{
	Options *options;
	int status;

	/* The application of a run, which starts it: ingest_main.h. */
	if (argc > 1 && strcmp(argv[1], "ingest") == 0)
		return ingest_main(argc - 1, argv + 1, environ);
	if (argc > 2 && strcmp(argv[1], "report") == 0 && strcmp(argv[2], "--help") != 0)
		return make_report(argc - 1, argv + 1);
	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--help") == 0)
		{
			print_usage(stdout);
			return EXIT_OK;
		}
		if (strcmp(argv[i], "--version") == 0)
		{
			puts("outbox-compare (pg_outbox) " OUTBOX_VERSION);
			return EXIT_OK;
		}
	}
	options = options_create(&compare_option_table);
	if (options == NULL)
	{
		fputs("outbox-compare: out of memory\n", stderr);
		return EXIT_BUG;
	}
	child_forget_environment();
	status = command(options, argc, argv);
	options_free(options);
	return status;
}
