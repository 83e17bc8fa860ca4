/*
 * percentile.c
 *	  The nearest-rank percentile: the least sample that at least that share of
 *	  all samples does not exceed.
 */
#include "percentile.h"

#include <math.h>
#include <stdlib.h>

static int
compare_samples(const void *a, const void *b)
{
	int64_t left = *(const int64_t *) a;
	int64_t right = *(const int64_t *) b;

	return (left > right) - (left < right);
}

void
percentile_sort(int64_t *samples, size_t count)
{
	if (count > 1)
		qsort(samples, count, sizeof(*samples), compare_samples);
}

int64_t
percentile_of(const int64_t *sorted, size_t count, double percent)
{
	size_t rank;

	if (count == 0)
		return 0;
	rank = (size_t) ceil(percent * (double) count / 100);
	if (rank < 1)
		rank = 1;
	return sorted[rank <= count ? rank - 1 : count - 1];
}
