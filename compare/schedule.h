/*
 * schedule.h
 *	  When requests are meant to start: an open loop with a fixed arrival rate.
 *
 * Time is cut into slots of 1/rate seconds; request n starts somewhere in the
 * n-th one, where exactly is drawn from the seed.  So the rate is exact over any
 * second and arrivals don't march in step.
 */
#ifndef OUTBOX_COMPARE_SCHEDULE_H
#define OUTBOX_COMPARE_SCHEDULE_H

#include <stdint.h>

typedef struct Schedule
{
	uint64_t seed;
	uint32_t rate; /* requests per second, > 0 */
} Schedule;

/* How many requests start in the first duration_usec. */
extern uint32_t schedule_count(const Schedule *schedule, int64_t duration_usec);

/* Microseconds from the start of the load; rises with n. */
extern int64_t schedule_at(const Schedule *schedule, uint32_t n);

#endif
