/*
 * probe.h
 *	  The three things that latency-probe can do, each as a process of its own.
 *
 * Each prints "ready" before anything can be missed, and its notes at its end.  Times are
 * microseconds since 1970 by this machine's clock, which is also the broker's.
 */
#ifndef OUTBOX_BENCH_PROBE_H
#define OUTBOX_BENCH_PROBE_H

#include <stdint.h>

#include "clock.h"
#include "error.h"

typedef struct WriteTask
{
	const char *conninfo;
	const char *type;
	int64_t first; /* number of the first event */
	int64_t count;
	double rate; /* a second */
	uint64_t seed;
} WriteTask;

typedef struct ReadTask
{
	const char *servers;
	const char *topic;
	int64_t first;
	int64_t count;
} ReadTask;

typedef struct WatchTask
{
	const char *conninfo;
	const char *group;
	int64_t count; /* records that are to be applied from now on */
} WatchTask;

/*
 * Transactions of one event each, at times that were drawn before (a Poisson process), whether the
 * ones before are done or not.  Notes: number, due, sent, COMMIT has returned.
 */
extern MUST_CHECK bool pg_write(const WriteTask *task, Error *error);

/* Notes: number, partition, offset, the record's timestamp, received. */
extern MUST_CHECK bool kafka_read(const ReadTask *task, Error *error);

/* Looks at the progress of a group every millisecond.  Notes: partition, next offset, seen. */
extern MUST_CHECK bool pg_watch(const WatchTask *task, Error *error);

/* Returns at that time or a moment later, by nanoseconds of the system's timer. */
extern void probe_wait(MonoUsec until);
extern void probe_ready(void);

#endif
