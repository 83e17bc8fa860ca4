/*
 * places.c
 *	  Finds, makes and refuses directories.
 */
#include "places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit_codes.h"
#include "files.h"

/* Below it are names of a hundred bytes. */
#define DIR_LENGTH_MAX 380

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
 * Its name gets into connection strings, Kafka's properties and a JVM's options, and others are
 * made of it: what one of them could not hold is refused here, rather than by a server later.
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

		while ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
			   (*at != '\0' && strchr("0123456789/._-+~@=", *at) != NULL))
			at++;
		if (*at == '\0')
			return true;
		error_permanent(error, EXIT_CONFIG,
						"the servers' directory \"%s\" has other characters in its name than "
						"letters, digits and / . _ - + ~ @ =",
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
				   : error_hint(error,
								"TMPDIR says where it is made; --dir=DIR gives another one.");
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
		snprintf(places->report, sizeof(places->report), "%.4000s%sreport.json", report,
				 report[len - 1] == '/' ? "" : "/");
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

bool
places_find(Places *places, const CompareConfig *config, Error *error)
{
	if (!find_tree(places, error))
		return false;
	place_report(config, places);
	return check_report(places, error) && make_directory(config, places, error);
}

void
places_save_logs(const Places *places)
{
	char reports[PATH_MAX];
	char logs[PATH_MAX];

	path_directory(places->report, reports, sizeof(reports));
	snprintf(logs, sizeof(logs), "%.4000s/logs", reports);
	files_copy(places->dir, ".log", logs);
	fprintf(stderr, "logs: %s\n", logs);
}
