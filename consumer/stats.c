/*
 * stats.c
 *	  What the consumer counts: the buckets of its histograms.
 */
#include "stats.h"

#include <string.h>

static const double record_bounds[] = {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000};
static const double second_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
									   0.25,  0.5,	  1,	 2.5,  5,	  10};
static const double event_bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
									  1,	 2.5,  5,	  10,	30,	 60,   300};

#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))

void
stats_init(Stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	histogram_init(&stats->batch_records, record_bounds, LENGTH(record_bounds));
	histogram_init(&stats->batch_seconds, second_bounds, LENGTH(second_bounds));
	histogram_init(&stats->event_seconds, event_bounds, LENGTH(event_bounds));
}
