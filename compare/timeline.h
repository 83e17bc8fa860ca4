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
#include "ledger.h"
#include "mode.h"
#include "sample.h"

typedef struct TimelineCounts
{
	uint32_t offered;
	uint32_t accepted;
	uint32_t rejected;
	uint32_t unknown;
} TimelineCounts;

typedef struct TimelineRow
{
	Phase phase; /* of the last sample of the second; so are the next three */
	int breaker;
	int64_t lag;
	int64_t visible;
	TimelineCounts modes[MODE_COUNT];
} TimelineRow;

typedef struct Timeline
{
	TimelineRow *rows; /* rows[i] is the second that starts i seconds after the load's start */
	size_t count;
} Timeline;

/* False when there is no memory. */
extern MUST_CHECK bool timeline_init(Timeline *timeline, const Sample *samples, size_t sample_count,
									 MonoUsec start);
extern void timeline_free(Timeline *timeline);

extern void timeline_add(Timeline *timeline, Mode mode, int64_t intended_usec, Outcome outcome);

#endif
