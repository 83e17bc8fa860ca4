/*
 * schedule.c
 *	  Arrival times, without state: the n-th is computed from the segments and the
 *	  seed.
 */
#include "schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "random.h"

static double
seconds(int64_t usec)
{
	return (double) usec / USEC_PER_SEC;
}

/* A segment from "start" on, that rises or falls to another rate until "end". */
static void
add_segment(Schedule *schedule, int64_t start, int64_t end, double from, double to)
{
	ScheduleSegment *segment = &schedule->segments[schedule->segment_count];
	double due = 0;

	if (end > schedule->duration_usec)
	{
		to = from + (to - from) * seconds(schedule->duration_usec - start) / seconds(end - start);
		end = schedule->duration_usec;
	}
	if (end <= start)
		return;
	if (schedule->segment_count > 0)
	{
		const ScheduleSegment *before = segment - 1;
		double length = seconds(start - before->start_usec);

		due = before->due + before->rate * length + before->rise * length * length / 2;
	}
	*segment = (ScheduleSegment){
		.start_usec = start, .rate = from, .rise = (to - from) / seconds(end - start), .due = due};
	schedule->segment_count++;
}

static void
add_bursts(Schedule *schedule, const LoadShape *shape, double rate)
{
	int64_t quiet = shape->period_usec - shape->width_usec;

	for (int64_t at = 0; at < schedule->duration_usec; at += shape->period_usec)
	{
		add_segment(schedule, at, at + quiet, rate, rate);
		if (at + quiet < schedule->duration_usec)
			add_segment(schedule, at + quiet, at + shape->period_usec, rate * shape->factor,
						rate * shape->factor);
	}
}

static void
add_rush_hour(Schedule *schedule, double rate, double peak)
{
	int64_t tick = schedule->duration_usec / 20;

	add_segment(schedule, 0, 6 * tick, rate, rate);
	add_segment(schedule, 6 * tick, 9 * tick, rate, peak);
	add_segment(schedule, 9 * tick, 11 * tick, peak, peak);
	add_segment(schedule, 11 * tick, 14 * tick, peak, rate);
	add_segment(schedule, 14 * tick, schedule->duration_usec, rate, rate);
}

static size_t
segments_needed(const LoadShape *shape, int64_t duration_usec)
{
	if (shape->form == LOAD_BURSTS)
		return 2 * (size_t) (duration_usec / shape->period_usec + 1);
	return 5;
}

/* Requests that are due at the end. */
static double
total(const Schedule *schedule)
{
	const ScheduleSegment *last;
	double length;

	if (schedule->segment_count == 0)
		return 0;
	last = &schedule->segments[schedule->segment_count - 1];
	length = seconds(schedule->duration_usec - last->start_usec);
	return last->due + last->rate * length + last->rise * length * length / 2;
}

bool
schedule_init(Schedule *schedule, const LoadShape *shape, uint32_t rate, int64_t duration_usec,
			  uint64_t seed)
{
	*schedule = (Schedule){.seed = seed, .duration_usec = duration_usec};
	schedule->segments = calloc(segments_needed(shape, duration_usec), sizeof(*schedule->segments));
	if (schedule->segments == NULL)
		return false;
	if (shape->form == LOAD_BURSTS)
		add_bursts(schedule, shape, rate);
	else if (shape->form == LOAD_RUSH_HOUR)
		add_rush_hour(schedule, rate, rate * shape->factor);
	else if (shape->form == LOAD_RAMP)
		add_segment(schedule, 0, duration_usec, shape->from, shape->to);
	else
		add_segment(schedule, 0, duration_usec, rate, rate);
	/* What is short of a whole one by rounding alone counts. */
	schedule->count = (uint32_t) (total(schedule) + 1e-6);
	return true;
}

void
schedule_free(Schedule *schedule)
{
	free(schedule->segments);
	memset(schedule, 0, sizeof(*schedule));
}

uint32_t
schedule_count(const Schedule *schedule)
{
	return schedule->count;
}

/* When n requests are due. */
static int64_t
due_at(const Schedule *schedule, double n)
{
	size_t low = 0;
	size_t high = schedule->segment_count;
	const ScheduleSegment *segment;
	double left;
	double length;

	while (high - low > 1)
	{
		size_t middle = (low + high) / 2;

		if (schedule->segments[middle].due <= n)
			low = middle;
		else
			high = middle;
	}
	segment = &schedule->segments[low];
	left = n - segment->due;
	/* left = rate * t + rise * t^2 / 2, solved so that a rise of 0 needs no case of its own. */
	length =
		2 * left /
		(segment->rate + sqrt(fmax(0, segment->rate * segment->rate + 2 * segment->rise * left)));
	return segment->start_usec + (int64_t) (length * USEC_PER_SEC + 0.5);
}

int64_t
schedule_at(const Schedule *schedule, uint32_t n)
{
	int64_t start = due_at(schedule, n);
	int64_t width = due_at(schedule, (double) n + 1) - start;
	Random random;

	if (width <= 1)
		return start;
	random_seed(&random, schedule->seed ^ (UINT64_C(0x9e3779b97f4a7c15) * (n + UINT64_C(1))));
	return start + (int64_t) random_below(&random, (uint64_t) width);
}
