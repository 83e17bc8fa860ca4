/*
 * pace.c
 *	  When the stream is read in a backlog.
 *
 * Refuses nothing.
 *
 * Invariants: nothing waits for longer than GATHER_USEC; what is gathered is read before anything is
 * gathered again.
 */
#include "pace.h"

/* Less may be a delay of the network, or of us. */
#define BEHIND_USEC (100 * USEC_PER_MS)
#define GATHER_USEC (8 * USEC_PER_MS)
/* A Unix socket holds some 60 small transactions, of which a walsender sends 110 a millisecond. */
#define STEP_USEC 250

void
pace_init(Pace *pace)
{
	*pace = (Pace){.until = MONO_NEVER};
}

void
pace_begin(Pace *pace, int64_t age_usec)
{
	pace->behind = age_usec >= BEHIND_USEC;
}

void
pace_read(Pace *pace)
{
	pace->some = true;
}

void
pace_dry(Pace *pace, MonoUsec now)
{
	pace->until = pace->some && pace->behind ? now + GATHER_USEC : MONO_NEVER;
	pace->some = false;
}

MonoUsec
pace_gather_at(const Pace *pace, MonoUsec now)
{
	if (pace->until == MONO_NEVER || now >= pace->until)
		return MONO_NEVER;
	return pace->until - now < STEP_USEC ? pace->until : now + STEP_USEC;
}
