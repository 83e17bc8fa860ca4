/*
 * facts.c
 *	  From /proc, /etc, the tree and the server.  What isn't found stays empty.
 */
#include "facts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "clock.h"
#include "kafka_version.h"
#include "pg_session.h"
#include "version.h"

#define QUERY_TIMEOUT_USEC (5 * USEC_PER_SEC)

/* What follows the name and its separator in the first line that begins with it. */
static void
find_line(const char *path, const char *name, char separator, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[512];

	text[0] = '\0';
	while (file != NULL && text[0] == '\0' && fgets(line, sizeof(line), file) != NULL)
	{
		const char *value = strchr(line, separator);
		size_t len;

		if (strncmp(line, name, strlen(name)) != 0 || value == NULL)
			continue;
		value += strspn(value, "=: \t\"");
		len = strcspn(value, "\"\n");
		snprintf(text, size, "%.*s", (int) len, value);
	}
	if (file != NULL)
		fclose(file);
}

/* kafka_2.13-4.1.0.jar */
static void
find_kafka(const char *tree, char *version, size_t size)
{
	static const char prefix[] = "kafka_";
	char path[4096];
	DIR *directory;
	const struct dirent *entry;

	version[0] = '\0';
	snprintf(path, sizeof(path), "%s/build/kafka/libs", tree);
	directory = opendir(path);
	while (directory != NULL && (entry = readdir(directory)) != NULL)
	{
		const char *dash = strchr(entry->d_name, '-');
		const char *suffix = strstr(entry->d_name, ".jar");

		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && dash != NULL && suffix > dash)
			snprintf(version, size, "%.*s", (int) (suffix - dash - 1), dash + 1);
	}
	if (directory != NULL)
		closedir(directory);
}

/* The commit that is checked out; "" outside of a git tree. */
static void
find_commit(const char *tree, char *commit, size_t size)
{
	char command[4352];
	FILE *git;

	commit[0] = '\0';
	/* The tree is this program's own, but its path may hold anything. */
	if (setenv("OUTBOX_COMPARE_TREE", tree, 1) != 0)
		return;
	snprintf(command, sizeof(command),
			 "git -C \"$OUTBOX_COMPARE_TREE\" describe --always --dirty 2>/dev/null");
	git = popen(command, "re");
	if (git != NULL && fgets(commit, (int) size, git) != NULL)
		commit[strcspn(commit, "\n")] = '\0';
	if (git != NULL)
		pclose(git);
	unsetenv("OUTBOX_COMPARE_TREE");
}

void
facts_find(Facts *facts, const char *tree, const char *conninfo)
{
	PgSession *session;
	struct utsname kernel;
	Error ignored;

	memset(facts, 0, sizeof(*facts));
	facts->cpus = (int) sysconf(_SC_NPROCESSORS_ONLN);
	facts->memory_mb = (int64_t) sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / (1024 * 1024);
	find_line("/proc/cpuinfo", "model name", ':', facts->cpu, sizeof(facts->cpu));
	find_line("/etc/os-release", "PRETTY_NAME", '=', facts->os, sizeof(facts->os));
	if (uname(&kernel) == 0)
		snprintf(facts->kernel, sizeof(facts->kernel), "%s", kernel.release);
	find_kafka(tree, facts->kafka, sizeof(facts->kafka));
	find_commit(tree, facts->commit, sizeof(facts->commit));
	snprintf(facts->librdkafka, sizeof(facts->librdkafka), "%s", kafka_version());
	snprintf(facts->pg_outbox, sizeof(facts->pg_outbox), "%s", OUTBOX_VERSION);
	session = pg_session_open(conninfo, QUERY_TIMEOUT_USEC, &ignored);
	if (session == NULL || !pg_session_text(session, "SHOW server_version", facts->postgresql,
											sizeof(facts->postgresql), &ignored))
		facts->postgresql[0] = '\0';
	pg_session_close(session);
}
