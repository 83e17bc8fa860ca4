/*
 * sample.h
 *	  One look at a run from outside, and the names of what is seen.
 */
#ifndef OUTBOX_COMPARE_SAMPLE_H
#define OUTBOX_COMPARE_SAMPLE_H

#include "clock.h"
#include "mode.h"

typedef enum Phase
{
	PHASE_CALM,
	PHASE_FAULT,
	PHASE_RECOVERY, /* nothing is broken any more, the load goes on */
	PHASE_DRAIN		/* the load has ended */
} Phase;

extern const char *phase_name(Phase phase);

#define UNSEEN (-1)

typedef struct Sample
{
	MonoUsec at;
	Phase phase;
	uint64_t faults;			  /* bits of those that were active */
	int breaker;				  /* 0 closed, 1 half-open, 2 open, or UNSEEN */
	int64_t lag;				  /* records that the consumer has before it, or UNSEEN */
	int64_t retained;			  /* bytes of WAL that the slot keeps, or UNSEEN */
	int64_t visible[MODE_COUNT];  /* rows in the target, or UNSEEN */
	int64_t age_usec[MODE_COUNT]; /* of the newest report in the target, or UNSEEN */
} Sample;

extern const char *breaker_name(int breaker);

#endif
