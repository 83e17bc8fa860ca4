/*
 * pace.h
 *	  When the stream is read in a backlog.  Pure.
 *
 * The walsender sends each message by itself, and a relay that is faster would be woken for each, hand
 * it to the producer by itself, and give the broker many small batches.  So, when the stream is behind
 * its server's clock and ran dry, nothing is taken from it for a moment: what comes is gathered in the
 * connection's buffer, in steps that leave the walsender room to write, and then taken at once.
 *
 *	 dry, and behind --> gathering --until--> reading --> dry ...
 *
 * A stream that is current is never made to wait.
 */
#ifndef OUTBOX_RELAY_PACE_H
#define OUTBOX_RELAY_PACE_H

#include "clock.h"

#include <stdbool.h>

typedef struct Pace
{
	bool behind;	/* what was read last had waited in the server */
	bool some;		/* something was read since it ran dry */
	MonoUsec until; /* it is gathered; MONO_NEVER: not at all */
} Pace;

extern void pace_init(Pace *pace);
/* A transaction begins.  age: how long it had been committed when it was sent. */
extern void pace_begin(Pace *pace, int64_t age_usec);
/* A frame was read. */
extern void pace_read(Pace *pace);
/* Nothing more is there to read. */
extern void pace_dry(Pace *pace, MonoUsec now);
/* MONO_NEVER: it is to be read.  Else it is gathered at the moment, and again at that time. */
extern MonoUsec pace_gather_at(const Pace *pace, MonoUsec now);

#endif
