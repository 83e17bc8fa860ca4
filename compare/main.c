/*
 * main.c
 *	  The command line of outbox-compare.
 *
 * Exit status: 0 when the ledgers are as they should be, EXIT_VERDICT when they
 * aren't, 130 after an interrupt, else that of exit_codes.h.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare_options.h"
#include "exit_codes.h"
#include "files.h"
#include "guard.h"
#include "ingest_main.h"
#include "interrupt.h"
#include "run.h"
#include "version.h"

#define EXIT_VERDICT 30

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
	fputs("Usage: outbox-compare [run] [OPTION]...\n"
		  "\n"
		  "Puts the same load through a direct insert into the target database and through\n"
		  "the outbox, crashes the target on purpose, and counts what became of every request.\n"
		  "It starts the servers that it needs itself and removes them at the end.\n"
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

/* "--full" alone is "--full=on". */
static void
complete_switches(int argc, char **argv)
{
	static char full[] = "--full=on";
	static char keep[] = "--keep=on";

	for (int i = 1; i < argc; i++)
	{
		bool alone = i + 1 == argc || strncmp(argv[i + 1], "--", 2) == 0;

		if (alone && strcmp(argv[i], "--full") == 0)
			argv[i] = full;
		else if (alone && strcmp(argv[i], "--keep") == 0)
			argv[i] = keep;
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

/* A private directory for the servers, below TMPDIR unless it is given. */
static bool
make_directory(const CompareConfig *config, Places *places, Error *error)
{
	const char *base = getenv("TMPDIR");

	if (config->dir != NULL)
	{
		snprintf(places->dir, sizeof(places->dir), "%s", config->dir);
		if (mkdir(places->dir, 0700) == 0)
			return true;
		error_permanent(error, EXIT_CONFIG, "could not make \"%s\"", config->dir);
		return error_hint(error, "It must not exist: what is in it is removed at the end.");
	}
	snprintf(places->dir, sizeof(places->dir), "%s/outbox-compare.XXXXXX",
			 base != NULL && base[0] == '/' ? base : "/tmp");
	if (mkdtemp(places->dir) == NULL)
		return error_permanent(error, EXIT_CONFIG, "could not make a directory like \"%s\"",
							   places->dir);
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

static int
run(const CompareConfig *config, const Places *places)
{
	RunConfig run_config = {.compare = config,
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
		save_logs(places);
	if (!done)
		return fail(&error);
	return passed ? EXIT_OK : EXIT_VERDICT;
}

static int
run_guarded(const CompareConfig *config)
{
	Places places;
	Error error;
	pid_t guard = getpid();
	pid_t child;
	int status;

	error_clear(&error);
	if (!find_tree(&places, &error))
		return fail(&error);
	if (config->report != NULL)
		snprintf(places.report, sizeof(places.report), "%s", config->report);
	else
		snprintf(places.report, sizeof(places.report), "%.4000s/build/compare/report.json",
				 places.tree);
	if (!make_directory(config, &places, &error))
		return fail(&error);
	switch (guard_split(&child, &error))
	{
		case GUARD_FAILED:
			directory_remove(places.dir);
			return fail(&error);
		case GUARD_IS_RUN:
			status = run(config, &places);
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
command(Options *options, int argc, char **argv)
{
	CompareConfig config;
	Error error;

	error_clear(&error);
	if (!load_options(options, &argc, argv, &error))
		return fail(&error);
	for (int i = 1; i < argc; i++)
	{
		if (i == 1 && strcmp(argv[i], "run") == 0)
			continue;
		if (strcmp(argv[i], "--print-config") == 0)
		{
			options_print_config(options, stdout);
			return EXIT_OK;
		}
		if (!options_refuse_argument(&compare_option_table, argv[i], &error))
			return fail(&error);
	}
	if (!compare_config_fill(&config, options, &error))
		return fail(&error);
	return run_guarded(&config);
}

int
main(int argc, char **argv)
{
	Options *options;
	int status;

	/* The application of a run, which starts it: ingest_main.h. */
	if (argc > 1 && strcmp(argv[1], "ingest") == 0)
		return ingest_main(argc - 1, argv + 1, environ);
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
