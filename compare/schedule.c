/*
 * schedule.c
 *	  Arrival times, without state: the n-th is computed from seed and rate.
 */
#include "schedule.h"

#include "clock.h"
#include "random.h"

static int64_t
slot_start(const Schedule *schedule, uint32_t n)
{
	return (int64_t) n * USEC_PER_SEC / schedule->rate;
}

uint32_t
schedule_count(const Schedule *schedule, int64_t duration_usec)
{
	return (uint32_t) (duration_usec * schedule->rate / USEC_PER_SEC);
}

int64_t
schedule_at(const Schedule *schedule, uint32_t n)
{
	int64_t start = slot_start(schedule, n);
	int64_t width = slot_start(schedule, n + 1) - start;
	Random random;

	if (width <= 1)
		return start;
	random_seed(&random, schedule->seed ^ (UINT64_C(0x9e3779b97f4a7c15) * (n + UINT64_C(1))));
	return start + (int64_t) random_below(&random, (uint64_t) width);
}
