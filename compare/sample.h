/*
 * sample.h
 *	  One look at a run from outside, and the names of what is seen.
 */
#ifndef OUTBOX_COMPARE_SAMPLE_H
#define OUTBOX_COMPARE_SAMPLE_H

#include "clock.h"

typedef enum Phase
{
	PHASE_CALM,
	PHASE_OUTAGE,
	PHASE_RECOVERY, /* the target is back, the load goes on */
	PHASE_DRAIN		/* the load has ended */
} Phase;

extern const char *phase_name(Phase phase);

#define UNSEEN (-1)

typedef struct Sample
{
	MonoUsec at;
	Phase phase;
	int breaker;	 /* 0 closed, 1 half-open, 2 open, or UNSEEN */
	int64_t lag;	 /* records that the consumer has before it, or UNSEEN */
	int64_t visible; /* rows of the outbox mode in the target, or UNSEEN */
} Sample;

extern const char *breaker_name(int breaker);

#endif
