/*
 * timeline.h
 *	  The run second by second.
 *
 * Requests count in the second in which they were meant to start, so each row
 * closes by itself: offered = accepted + rejected + unknown.
 */
#ifndef OUTBOX_COMPARE_TIMELINE_H
#define OUTBOX_COMPARE_TIMELINE_H

#include <stddef.h>

#include "error.h"
#include "load.h"
#include "sample.h"

typedef struct TimelinePath
{
	uint32_t offered;
	uint32_t accepted;
	uint32_t rejected;
	uint32_t unknown;
	double p50_ms; /* of the accepted; UNSEEN: there is none */
	double p99_ms;
	int64_t visible; /* of the second's last sample; so the next one */
	int64_t age_usec;
} TimelinePath;

typedef struct TimelineRow
{
	Phase phase; /* of the last sample of the second; so are the next three */
	int breaker; /* but for half-open, which is shown when any sample saw it */
	int64_t lag;
	int64_t retained;
	uint64_t faults; /* those that were active at any time of it */
	TimelinePath paths[MODE_COUNT];
} TimelineRow;

typedef struct Timeline
{
	TimelineRow *rows; /* rows[i] is the second that starts i seconds after the load's start */
	size_t count;
} Timeline;

/* From the load's start to the last sample.  False when there is no memory. */
extern MUST_CHECK bool timeline_init(Timeline *timeline, const Sample *samples, size_t sample_count,
									 MonoUsec start);
extern void timeline_free(Timeline *timeline);

/* The requests of a path: count of them, in the order of their intended starts. */
extern MUST_CHECK bool timeline_fill(Timeline *timeline, Mode mode, const Load *load);

/* For timeline_fill(): one second's requests. */
extern void timeline_second(TimelinePath *path, const LoadRecord *records, uint32_t count,
							int64_t *numbers);

#endif
