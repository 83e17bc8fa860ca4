/*
 * path_result.c
 *	  The three rates.
 */
#include "path_result.h"

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
