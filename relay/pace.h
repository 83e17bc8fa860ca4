/*
 * pace.h
 *	  When the stream is read, and when what it sends is only gathered.  Pure.
 *
 * The walsender sends each message by itself, and a relay that is faster would be woken for each, hand
 * it to the producer by itself, and give the broker many small batches.  So, when much comes and the stream
 * ran dry, nothing is taken from it for a moment: what comes is gathered in the connection's buffer, in steps
 * that leave the walsender room to write, and then taken at once.
 *
 *	 dry, and behind or busy --> gathering --until--> reading --> dry ...
 *
 *	behind	what was read last had waited in the server: for BEHIND_GATHER_USEC, a backlog has time
 *	busy	current, and more transactions come than are worth a wake-up each: for busy_usec
 *
 * When much is there before that time, it is read then: the connection's buffer doesn't get smaller again.
 *
 * A stream that is neither is never made to wait.
 */
#ifndef OUTBOX_RELAY_PACE_H
#define OUTBOX_RELAY_PACE_H

#include "clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Pace
{
	int64_t busy_usec; /* 0: a current stream is never gathered */
	bool behind;
	bool busy;
	bool some;			   /* something was read since it ran dry */
	MonoUsec until;		   /* it is gathered; MONO_NEVER: not at all */
	int64_t step_usec;	   /* between two looks at the connection */
	size_t gathered;	   /* bytes, this time */
	MonoUsec counted_from; /* transactions, to know the rate */
	uint32_t begun;		   /* so many */
} Pace;

extern void pace_init(Pace *pace, int64_t busy_usec);
/* Another setting, from the next gathering on. */
extern void pace_configure(Pace *pace, int64_t busy_usec);
/* A transaction begins.  age: how long it had been committed when it was sent. */
extern void pace_begin(Pace *pace, int64_t age_usec);
/* A frame was read. */
extern void pace_read(Pace *pace);
/* Nothing more is there to read. */
extern void pace_dry(Pace *pace, MonoUsec now);
/* So much was there at a look; maybe it is enough. */
extern void pace_gathered(Pace *pace, size_t bytes);
/* MONO_NEVER: it is to be read.  Else it is gathered at the moment, and again at that time. */
extern MonoUsec pace_gather_at(const Pace *pace, MonoUsec now);

#endif
