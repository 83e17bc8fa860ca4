/*
 * observer.h
 *	  Looks at a run from outside, several times a second: what has reached the
 *	  target, the consumer's breaker and its lag, the WAL that the slot keeps.
 */
#ifndef OUTBOX_COMPARE_OBSERVER_H
#define OUTBOX_COMPARE_OBSERVER_H

#include <stddef.h>

#include "error.h"
#include "sample.h"

typedef struct ObserverConfig
{
	const char *target_conninfo;
	const char *source_conninfo; /* NULL: there is none */
	int consumer_port;			 /* 0: there is none */
} ObserverConfig;

/* Where it isn't looked, as the answer would not come in time. */
typedef struct ObserverBlind
{
	bool target;
	bool source;
	bool consumer;
} ObserverBlind;

typedef struct Observer Observer;

/*
 * What is in the target now belongs to earlier runs; it must be up.  NULL with the
 * Error filled.
 */
extern MUST_CHECK Observer *observer_create(const ObserverConfig *config, Error *error);
extern void observer_free(Observer *observer); /* NULL is allowed */

/* Takes a sample and keeps it; blocks for a short time at most. */
extern const Sample *observer_look(Observer *observer, Phase phase, uint64_t faults,
								   const ObserverBlind *blind);

/* How long the last look took: who looks seldom when it takes long, costs little. */
extern int64_t observer_cost_usec(const Observer *observer);

extern const Sample *observer_samples(const Observer *observer, size_t *count);
extern const Sample *observer_last(const Observer *observer); /* never NULL */

#endif
