/*
 * path_result.h
 *	  What a path came to in a run.
 */
#ifndef OUTBOX_COMPARE_PATH_RESULT_H
#define OUTBOX_COMPARE_PATH_RESULT_H

#include "ledger.h"
#include "reject_reason.h"

#define NOT_DRAINED (-1.0)
#define NOT_SEEN (-1.0)

/* Of the accepted requests, from the intended start to the answer; all NOT_SEEN when there are none. */
typedef struct PathLatency
{
	double p50_ms;
	double p90_ms;
	double p99_ms;
	double p999_ms;
	double max_ms;
} PathLatency;

/*
 * From the answer to the commit in the target, of the accepted requests that are
 * there; all NOT_SEEN when there are none.
 */
typedef struct PathFreshness
{
	double p50_s;
	double p99_s;
	double max_s;
} PathFreshness;

typedef struct PathResult
{
	LedgerTotals totals;
	uint64_t rejected_because[REJECT_REASONS];
	PathLatency latency;
	PathFreshness freshness;
	double drain_s;	   /* from the last restoration until all that had been accepted by then was
						  visible; NOT_DRAINED: some of it never was */
	double recovery_s; /* from the last restoration until a later request was accepted; NOT_SEEN */
} PathResult;

/* From microseconds, which are sorted in place. */
extern void path_latency_fill(PathLatency *latency, int64_t *samples, size_t count);
extern void path_freshness_fill(PathFreshness *freshness, int64_t *samples, size_t count);

/* Of the requests that were offered, in per cent. */
extern double path_accepted_percent(const PathResult *result);
extern double path_durable_percent(const PathResult *result);
extern double path_visible_percent(const PathResult *result);

#endif
