/*
 * lag.h
 *	  How far Kafka is behind PostgreSQL, in seconds.  Pure.
 *
 *	an event is in flight		the age of the oldest, by its commit
 *	the server is known to be	the time since it was first seen to be where Kafka isn't yet: what is
 *	ahead						in between may be decoded, and may hold nothing of ours
 *	there is no stream			the time since there was one that had caught up: nobody knows what was
 *								committed since, so this is the most that it can be
 *	else						0
 *
 * The highest of those that hold.  So it grows whoever is away, and never stands still at a
 * value that looks well.
 */
#ifndef OUTBOX_RELAY_LAG_H
#define OUTBOX_RELAY_LAG_H

#include <stdbool.h>

#include "clock.h"
#include "lsn.h"

typedef struct LagClock
{
	PgLsn
		ahead; /* the server was there, and Kafka isn't; LSN_INVALID: Kafka has all that was seen */
	MonoUsec ahead_since;
	PgLsn newest; /* where the server was seen last */
	MonoUsec newest_at;
	bool blind; /* no stream */
	MonoUsec blind_since;
} LagClock;

/* Nothing was ever seen: it counts from now. */
extern void lag_init(LagClock *lag, MonoUsec now);

/* A stream began, at a server whose WAL ends there. */
extern void lag_stream(LagClock *lag, PgLsn server_end, PgLsn confirmed, MonoUsec now);
/* It is gone.  Again: nothing. */
extern void lag_no_stream(LagClock *lag, MonoUsec now);
/* Another relay has the slot: what it does isn't ours to count. */
extern void lag_stand_by(LagClock *lag, MonoUsec now);

/* The end of the server's WAL, as it was asked just now. */
extern void lag_server_at(LagClock *lag, PgLsn server_end, PgLsn confirmed, MonoUsec now);
/* How far Kafka is. */
extern void lag_confirmed(LagClock *lag, PgLsn confirmed);

/* oldest_age_usec is of the oldest event in flight; 0 or less: none is. */
extern double lag_seconds(const LagClock *lag, int64_t oldest_age_usec, MonoUsec now);

#endif
