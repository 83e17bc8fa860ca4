/*
 * schedule.h
 *	  When requests are meant to start: an open loop with arrival rates that are
 *	  known beforehand.  Pure.
 *
 * The rate is a straight line in each of a few segments; request n starts
 * somewhere between the moments at which n and n + 1 requests are due, where
 * exactly is drawn from the seed.  So the rate is exact over any second and
 * arrivals don't march in step.
 *
 *	constant	rate
 *	bursts		rate, and "factor" times as much for "width" at the end of every "period"
 *	rush hour	rate; rises from 30 % of the time to "factor" times as much at 45 %,
 *				stays, and is down again from 55 % to 70 %
 *	ramp		from one rate to another over all the time
 */
#ifndef OUTBOX_COMPARE_SCHEDULE_H
#define OUTBOX_COMPARE_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

typedef enum LoadForm
{
	LOAD_CONSTANT,
	LOAD_BURSTS,
	LOAD_RUSH_HOUR,
	LOAD_RAMP
} LoadForm;

typedef struct LoadShape
{
	LoadForm form;
	double factor;		 /* bursts, rush hour: times the rate; >= 1 */
	int64_t period_usec; /* bursts: width < period */
	int64_t width_usec;
	double from; /* ramp: requests per second */
	double to;
} LoadShape;

typedef struct ScheduleSegment
{
	int64_t start_usec;
	double rate; /* requests per second at its start */
	double rise; /* per second */
	double due;	 /* requests before its start */
} ScheduleSegment;

typedef struct Schedule
{
	uint64_t seed;
	int64_t duration_usec;
	ScheduleSegment *segments;
	size_t segment_count;
	uint32_t count;
} Schedule;

/* rate: of constant, bursts and rush hour.  False when there is no memory. */
extern MUST_CHECK bool schedule_init(Schedule *schedule, const LoadShape *shape, uint32_t rate,
									 int64_t duration_usec, uint64_t seed);
extern void schedule_free(Schedule *schedule);

/* How many requests start. */
extern uint32_t schedule_count(const Schedule *schedule);

/* Microseconds from the start of the load; rises with n, which is less than the count. */
extern int64_t schedule_at(const Schedule *schedule, uint32_t n);

#endif
