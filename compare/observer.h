/*
 * observer.h
 *	  Looks at the run from outside, several times a second: what has reached the
 *	  target, the consumer's breaker and its lag.
 */
#ifndef OUTBOX_COMPARE_OBSERVER_H
#define OUTBOX_COMPARE_OBSERVER_H

#include "clock.h"
#include "error.h"

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

typedef struct ObserverConfig
{
	const char *target_conninfo;
	int consumer_port; /* 0: there is none */
} ObserverConfig;

typedef struct Observer Observer;

extern Observer *observer_create(const ObserverConfig *config); /* NULL: no memory */
extern void observer_free(Observer *observer);

/* Takes a sample and keeps it; blocks for a short time at most. */
extern const Sample *observer_look(Observer *observer, Phase phase);

extern const Sample *observer_samples(const Observer *observer, size_t *count);
extern const Sample *observer_last(const Observer *observer); /* never NULL */

#endif
