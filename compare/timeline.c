/*
 * timeline.c
 *	  Rows of one second each, from the load's start to the last sample.  A second
 *	  without a sample takes over what the one before it saw.
 */
#include "timeline.h"

#include <stdlib.h>

bool
timeline_init(Timeline *timeline, const Sample *samples, size_t sample_count, MonoUsec start)
{
	TimelineRow before = {.phase = PHASE_CALM, .breaker = UNSEEN, .lag = UNSEEN, .visible = UNSEEN};
	size_t at = 0;

	timeline->count = 0;
	if (sample_count > 0 && samples[sample_count - 1].at >= start)
		timeline->count = (size_t) ((samples[sample_count - 1].at - start) / USEC_PER_SEC) + 1;
	timeline->rows = calloc(timeline->count > 0 ? timeline->count : 1, sizeof(*timeline->rows));
	if (timeline->rows == NULL)
		return false;
	for (size_t second = 0; second < timeline->count; second++)
	{
		MonoUsec end = start + (MonoUsec) (second + 1) * USEC_PER_SEC;

		for (; at < sample_count && samples[at].at < end; at++)
			before = (TimelineRow){.phase = samples[at].phase,
								   .breaker = samples[at].breaker,
								   .lag = samples[at].lag,
								   .visible = samples[at].visible};
		timeline->rows[second] = before;
	}
	return true;
}

void
timeline_free(Timeline *timeline)
{
	free(timeline->rows);
	timeline->rows = NULL;
	timeline->count = 0;
}

void
timeline_add(Timeline *timeline, Mode mode, int64_t intended_usec, Outcome outcome)
{
	size_t second = (size_t) (intended_usec / USEC_PER_SEC);
	TimelineCounts *counts;

	if (second >= timeline->count)
		return;
	counts = &timeline->rows[second].modes[mode];
	counts->offered++;
	if (outcome == OUTCOME_ACCEPTED)
		counts->accepted++;
	else if (outcome == OUTCOME_REJECTED)
		counts->rejected++;
	else if (outcome == OUTCOME_UNKNOWN)
		counts->unknown++;
}
