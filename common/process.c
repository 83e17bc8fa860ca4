/*
 * process.c
 *	  What Prometheus's client libraries say of every process.
 *
 * Refuses nothing: a value that can't be read has no sample.
 *
 * Invariants: the start is read once, from the kernel, so that it doesn't move with the
 * clock; counting descriptors doesn't count its own.
 */
#include "process.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define STAT_SIZE 1024
#define STAT_START_FIELD 20 /* starttime, counted from the field behind the name */

enum
{
	CPU,
	RESIDENT,
	VIRTUAL,
	OPEN_FDS,
	MAX_FDS,
	START
};

const MetricSpec process_metrics[] = {
	[CPU] = {"process_cpu_seconds_total", "counter", "",
			 "CPU time of the process, user and system."},
	[RESIDENT] = {"process_resident_memory_bytes", "gauge", "",
				  "Memory of the process that is in RAM."},
	[VIRTUAL] = {"process_virtual_memory_bytes", "gauge", "", "Address space of the process."},
	[OPEN_FDS] = {"process_open_fds", "gauge", "", "Open file descriptors."},
	[MAX_FDS] = {"process_max_fds", "gauge", "", "The most of them that it may open."},
	[START] = {"process_start_time_seconds", "gauge", "",
			   "When it was started, in seconds since 1970."},
	{NULL, NULL, NULL, NULL},
};

/* The whole of a small file, as text; false: it can't be read. */
static bool
read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t len;

	if (file == NULL)
		return false;
	len = fread(text, 1, size - 1, file);
	fclose(file);
	text[len] = '\0';
	return len > 0;
}

static double
boot_time(void)
{
	FILE *file = fopen("/proc/stat", "re");
	char line[256];
	double at = NAN;

	if (file == NULL)
		return NAN;
	while (isnan(at) && fgets(line, sizeof(line), file) != NULL)
	{
		if (strncmp(line, "btime ", 6) == 0)
			at = (double) strtoull(line + 6, NULL, 10);
	}
	fclose(file);
	return at;
}

static double
read_start(void)
{
	char text[STAT_SIZE];
	const char *field;
	long ticks = sysconf(_SC_CLK_TCK);

	if (ticks <= 0 || !read_file("/proc/self/stat", text, sizeof(text)))
		return NAN;
	/* The name is in parentheses and may hold anything. */
	field = strrchr(text, ')');
	if (field == NULL)
		return NAN;
	for (int i = 0; i < STAT_START_FIELD && field != NULL; i++)
		field = strchr(field + 1, ' ');
	return field != NULL ? boot_time() + (double) strtoull(field, NULL, 10) / (double) ticks : NAN;
}

static double
start_time(void)
{
	static double start = -1;

	if (start < 0)
		start = read_start();
	return start;
}

/* -1: not known */
static int
count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = -1;

	if (directory == NULL)
		return -1;
	for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

static void
write_one(Buffer *out, int metric, double value)
{
	metrics_describe(out, &process_metrics[metric]);
	if (!isnan(value))
		metrics_double(out, process_metrics[metric].name, "", value);
}

void
process_metrics_write(Buffer *out)
{
	struct rusage usage;
	struct rlimit limit;
	char text[STAT_SIZE];
	double cpu = NAN;
	double resident = NAN;
	double address_space = NAN;
	double most = NAN;
	int fds = count_fds();

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		cpu = (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			  (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	if (read_file("/proc/self/statm", text, sizeof(text)))
	{
		double page = (double) sysconf(_SC_PAGESIZE);
		char *next;

		address_space = (double) strtoull(text, &next, 10) * page;
		resident = (double) strtoull(next, NULL, 10) * page;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		most = limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double) limit.rlim_cur;
	write_one(out, CPU, cpu);
	write_one(out, RESIDENT, resident);
	write_one(out, VIRTUAL, address_space);
	write_one(out, OPEN_FDS, fds >= 0 ? fds : NAN);
	write_one(out, MAX_FDS, most);
	write_one(out, START, start_time());
}
