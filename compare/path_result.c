/*
 * path_result.c
 *	  Percentiles, and the three rates.
 */
#include "path_result.h"

#include "percentile.h"

void
path_latency_fill(PathLatency *latency, int64_t *samples, size_t count)
{
	const struct
	{
		double percent;
		double *ms;
	} ranks[] = {{50, &latency->p50_ms},
				 {90, &latency->p90_ms},
				 {99, &latency->p99_ms},
				 {99.9, &latency->p999_ms},
				 {100, &latency->max_ms}};

	percentile_sort(samples, count);
	/* Nobody was accepted: that is no latency of 0. */
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
		*ranks[i].ms = count == 0
						   ? NOT_SEEN
						   : (double) percentile_of(samples, count, ranks[i].percent) / USEC_PER_MS;
}

static double
percentile_s(const int64_t *sorted, size_t count, double percent)
{
	return (double) percentile_of(sorted, count, percent) / USEC_PER_SEC;
}

void
path_freshness_fill(PathFreshness *freshness, int64_t *samples, size_t count)
{
	*freshness = (PathFreshness){NOT_SEEN, NOT_SEEN, NOT_SEEN};
	if (count == 0)
		return;
	percentile_sort(samples, count);
	freshness->p50_s = percentile_s(samples, count, 50);
	freshness->p99_s = percentile_s(samples, count, 99);
	freshness->max_s = percentile_s(samples, count, 100);
}

static double
percent_of_offered(const PathResult *result, uint64_t count)
{
	if (result->totals.offered == 0)
		return 0;
	return 100 * (double) count / (double) result->totals.offered;
}

double
path_accepted_percent(const PathResult *result)
{
	return percent_of_offered(result, result->totals.accepted);
}

double
path_durable_percent(const PathResult *result)
{
	return percent_of_offered(result, result->totals.durable);
}

double
path_visible_percent(const PathResult *result)
{
	return percent_of_offered(result, result->totals.in_target);
}
