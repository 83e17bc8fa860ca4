/*
 * clock_watch.h
 *	  Tells when the wall clock was set back.  Pure.
 *
 * Whoever waits until a time of the wall clock waits longer then, by as much as the step: our
 * own waits are none of those, a library's may be.  Whoever looks again and again hears of it at
 * the next look.  A step ahead isn't told: such waits are over at once.
 */
#ifndef OUTBOX_COMMON_CLOCK_WATCH_H
#define OUTBOX_COMMON_CLOCK_WATCH_H

#include <stdbool.h>

#include "clock.h"

/* What comes of two readings that are not of one moment is less. */
#define CLOCK_STEP_USEC (250 * USEC_PER_MS)

typedef struct ClockWatch
{
	int64_t apart_usec; /* the wall clock from the monotonic one, at the last look */
	bool looked;
} ClockWatch;

/* true: since the last look it was set back by CLOCK_STEP_USEC or more.  Begins with all zeroes. */
extern bool clock_watch_set_back(ClockWatch *watch, MonoUsec mono, UnixUsec wall);

#endif
