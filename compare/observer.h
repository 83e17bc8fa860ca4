/*
 * observer.h
 *	  Looks at the run from outside, several times a second: what has reached the
 *	  target, the consumer's breaker and its lag.
 */
#ifndef OUTBOX_COMPARE_OBSERVER_H
#define OUTBOX_COMPARE_OBSERVER_H

#include <stddef.h>

#include "error.h"
#include "sample.h"

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
