/*
 * spent.c
 *	  What a piece of work took.
 *
 * Refuses nothing; a process that isn't there took no time.
 */
#include "spent.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

static int64_t
usec_of(struct timeval time)
{
	return time.tv_sec * USEC_PER_SEC + time.tv_usec;
}

/* The first number of schedstat: nanoseconds on a processor. */
static int64_t
nsec_of(int pid)
{
	char path[64];
	int64_t nsec = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%" SCNd64, &nsec) != 1)
		nsec = 0;
	fclose(file);
	return nsec;
}

void
spent_begin(Spent *spent, int pid)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	*spent = (Spent){.began = clock_wall(),
					 .user_usec = -usec_of(usage.ru_utime),
					 .system_usec = -usec_of(usage.ru_stime),
					 .pid = pid};
}

void
spent_end(Spent *spent)
{
	struct rusage usage;

	spent->ended = clock_wall();
	getrusage(RUSAGE_SELF, &usage);
	spent->user_usec += usec_of(usage.ru_utime);
	spent->system_usec += usec_of(usage.ru_stime);
	if (spent->pid != 0)
		spent->beside_nsec = nsec_of(spent->pid);
}

void
spent_print(const Spent *spent)
{
	printf("\"began_usec\": %" PRId64 ", \"ended_usec\": %" PRId64 ", \"user_usec\": %" PRId64
		   ", \"system_usec\": %" PRId64 ", \"beside_nsec\": %" PRId64,
		   spent->began, spent->ended, spent->user_usec, spent->system_usec, spent->beside_nsec);
}
