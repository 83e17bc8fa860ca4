/*
 * percentile.h
 *	  Percentiles of all samples (nearest rank), not of buckets.  Pure.
 */
#ifndef OUTBOX_COMPARE_PERCENTILE_H
#define OUTBOX_COMPARE_PERCENTILE_H

#include <stddef.h>
#include <stdint.h>

/* Sorts in place. */
extern void percentile_sort(int64_t *samples, size_t count);

/* Of sorted samples, 0 <= percent <= 100; 0 when there are none. */
extern int64_t percentile_of(const int64_t *sorted, size_t count, double percent);

#endif
