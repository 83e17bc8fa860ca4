/*
 * timeline.c
 *	  Rows of one second each.  A second without a sample takes over what the one
 *	  before it saw.
 */
#include "timeline.h"

#include <stdlib.h>

#include "percentile.h"

#define HALF_OPEN 1

static void
take_sample(TimelineRow *row, const Sample *sample)
{
	row->phase = sample->phase;
	if (row->breaker != HALF_OPEN || sample->breaker == HALF_OPEN)
		row->breaker = sample->breaker;
	row->lag = sample->lag;
	row->retained = sample->retained;
	row->faults |= sample->faults;
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		row->paths[mode].visible = sample->visible[mode];
		row->paths[mode].age_usec = sample->age_usec[mode];
	}
}

/* Nothing was seen yet. */
static void
clear_row(TimelineRow *row)
{
	*row = (TimelineRow){.phase = PHASE_CALM, .breaker = UNSEEN, .lag = UNSEEN, .retained = UNSEEN};
	for (int mode = 0; mode < MODE_COUNT; mode++)
		row->paths[mode] = (TimelinePath){
			.p50_ms = UNSEEN, .p99_ms = UNSEEN, .visible = UNSEEN, .age_usec = UNSEEN};
}

bool
timeline_init(Timeline *timeline, const Sample *samples, size_t sample_count, MonoUsec start)
{
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
		TimelineRow *row = &timeline->rows[second];
		size_t first = at;

		clear_row(row);
		if (at > 0)
			take_sample(row, &samples[at - 1]);
		for (; at < sample_count && samples[at].at < end; at++)
		{
			/* What the last second saw is replaced as a whole. */
			if (at == first)
				clear_row(row);
			take_sample(row, &samples[at]);
		}
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
timeline_second(TimelinePath *path, const LoadRecord *records, uint32_t count, int64_t *numbers)
{
	size_t accepted = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		path->offered++;
		if (records[i].outcome == OUTCOME_ACCEPTED)
		{
			path->accepted++;
			numbers[accepted++] = records[i].latency_usec;
		}
		else if (records[i].outcome == OUTCOME_REJECTED)
			path->rejected++;
		else if (records[i].outcome == OUTCOME_UNKNOWN)
			path->unknown++;
	}
	if (accepted == 0)
		return;
	percentile_sort(numbers, accepted);
	path->p50_ms = (double) percentile_of(numbers, accepted, 50) / USEC_PER_MS;
	path->p99_ms = (double) percentile_of(numbers, accepted, 99) / USEC_PER_MS;
}

bool
timeline_fill(Timeline *timeline, Mode mode, const Load *load)
{
	const LoadRecord *records = load_records(load, mode);
	uint32_t count = load_count(load);
	int64_t *numbers = calloc((size_t) count + 1, sizeof(*numbers));

	if (numbers == NULL)
		return false;
	for (uint32_t first = 0; first < count;)
	{
		size_t second = (size_t) (load_intended(load, first) / USEC_PER_SEC);
		uint32_t end = first;

		while (end < count && (size_t) (load_intended(load, end) / USEC_PER_SEC) == second)
			end++;
		if (second < timeline->count)
			timeline_second(&timeline->rows[second].paths[mode], records + first, end - first,
							numbers);
		first = end;
	}
	free(numbers);
	return true;
}
