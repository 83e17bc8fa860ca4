/*
 * main.c
 *	  The command line of outbox-compare.
 *
 * Exit status: 0 when the ledgers are as they should be, EXIT_VERDICT when they
 * aren't, 130 after an interrupt, else that of exit_codes.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare_options.h"
#include "exit_codes.h"
#include "files.h"
#include "guard.h"
#include "ingest_main.h"
#include "interrupt.h"
#include "report_command.h"
#include "run.h"
#include "scenario_store.h"
#include "version.h"

#define EXIT_VERDICT 30
/* Below it are names of a hundred bytes. */
#define DIR_LENGTH_MAX 380
#define DESCRIPTORS 65536
#define SERVE_RESET_USEC (5 * USEC_PER_SEC)

extern char **environ;

typedef struct Places
{
	char program_dir[PATH_MAX];
	char tree[PATH_MAX];
	char dir[PATH_MAX];
	char report[PATH_MAX];
} Places;

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

/* The programs are beside this one; the tree is above build/bin. */
static bool
find_tree(Places *places, Error *error)
{
	char path[PATH_MAX + 8];
	ssize_t len = readlink("/proc/self/exe", places->program_dir, PATH_MAX - 1);
	char *slash;

	if (len < 0)
		return error_bug(error, "could not find out where this program is");
	places->program_dir[len] = '\0';
	slash = strrchr(places->program_dir, '/');
	if (slash != NULL)
		*slash = '\0';
	snprintf(path, sizeof(path), "%s/../..", places->program_dir);
	if (realpath(path, places->tree) == NULL)
		return error_bug(error, "could not find the tree above \"%s\"", places->program_dir);
	return true;
}

/*
 * Its name gets into connection strings and Kafka's properties, and others are made of it: what
 * one of them could not hold is refused here, rather than by a server that is not found.
 */
static bool
check_name(const char *dir, Error *error)
{
	if (strlen(dir) > DIR_LENGTH_MAX)
		error_permanent(error, EXIT_CONFIG,
						"the servers' directory \"%.60s...\" is longer than %d bytes", dir,
						DIR_LENGTH_MAX);
	else
	{
		const char *at = dir;

		while (*at >= ' ' && *at <= '~' && strchr("'\"\\,", *at) == NULL)
			at++;
		if (*at == '\0')
			return true;
		error_permanent(error, EXIT_CONFIG,
						"the servers' directory \"%s\" has a character other than ASCII's, or a "
						"quote, backslash or comma",
						dir);
	}
	return error_hint(error, "TMPDIR says where it is made; --dir=DIR gives another one.");
}

static bool
try_to_make(const CompareConfig *config, Places *places)
{
	const char *base = getenv("TMPDIR");

	if (config->dir != NULL)
	{
		snprintf(places->dir, sizeof(places->dir), "%s", config->dir);
		return mkdir(places->dir, 0700) == 0;
	}
	snprintf(places->dir, sizeof(places->dir), "%s/outbox-compare.XXXXXX",
			 base != NULL && base[0] != '\0' ? base : "/tmp");
	return mkdtemp(places->dir) != NULL;
}

/* A private directory for the servers, below TMPDIR unless it is given. */
static bool
make_directory(const CompareConfig *config, Places *places, Error *error)
{
	char whole[PATH_MAX];

	if (!try_to_make(config, places))
	{
		int reason = errno;

		error_permanent(error, EXIT_CONFIG, "could not make the servers' directory \"%s\": %s",
						places->dir, strerror(reason));
		return reason == EEXIST
				   ? error_hint(error, "It must not exist: what is in it is removed at the end.")
				   : error_hint(error, "TMPDIR says where it is made; --dir=DIR gives another one.");
	}
	if (realpath(places->dir, whole) == NULL)
		snprintf(whole, sizeof(whole), "%s", places->dir);
	if (!check_name(whole, error))
	{
		rmdir(places->dir);
		return false;
	}
	snprintf(places->dir, sizeof(places->dir), "%s", whole);
	return true;
}

/* What the servers and daemons said, before it is removed with them. */
static void
save_logs(const Places *places)
{
	char reports[PATH_MAX];
	char logs[PATH_MAX];

	path_directory(places->report, reports, sizeof(reports));
	snprintf(logs, sizeof(logs), "%.4000s/logs", reports);
	files_copy(places->dir, ".log", logs);
	fprintf(stderr, "logs: %s\n", logs);
}

/* libpq's defaults of somebody's shell (PGHOSTADDR, PGPASSWORD ...) aren't for our servers. */
static void
forget_libpq_defaults(void)
{
	for (char **variable = environ; *variable != NULL;)
	{
		size_t len = strcspn(*variable, "=");
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int) len, *variable);
		/* PG_CONFIG isn't one of them. */
		if (len < sizeof(name) && strncmp(name, "PG", 2) == 0 && name[2] != '_' &&
			unsetenv(name) == 0)
			variable = environ;
		else
			variable++;
	}
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
	forget_libpq_defaults();
	if (!interrupt_init(&interrupt, &error))
		return fail(&error);
	done = run_compare(&run_config, &interrupt, &passed, &error);
	if (!done && interrupt_wanted(&interrupt))
	{
		fputs("outbox-compare: interrupted\n", stderr);
		return GUARD_INTERRUPTED;
	}
	if (!done || !passed)
		save_logs(places);
	if (!done)
		return fail(&error);
	return passed ? EXIT_OK : EXIT_VERDICT;
}

/* A file, or a directory for it. */
static void
place_report(const CompareConfig *config, Places *places)
{
	struct stat facts;
	const char *report = config->report;
	size_t len = report != NULL ? strlen(report) : 0;

	if (len == 0)
		snprintf(places->report, sizeof(places->report), "%.4000s/build/compare/report.json",
				 places->tree);
	else if (report[len - 1] == '/' || (stat(report, &facts) == 0 && S_ISDIR(facts.st_mode)))
		snprintf(places->report, sizeof(places->report), "%.4000s/report.json", report);
	else
		snprintf(places->report, sizeof(places->report), "%s", report);
}

/* Now, rather than when all has been measured. */
static bool
check_report(const Places *places, Error *error)
{
	return place_check(places->report, error) ||
		   error_hint(error, "The report's place is given with --report=FILE or DIR.");
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
	if (!find_tree(&places, &error))
		return fail(&error);
	place_report(config, &places);
	if (!check_report(&places, &error))
		return fail(&error);
	if (!make_directory(config, &places, &error))
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
	status = command(options, argc, argv);
	options_free(options);
	return status;
}
