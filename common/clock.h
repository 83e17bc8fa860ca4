/*
 * clock.h
 *	  The only place that asks what time it is.
 *
 * MonoUsec is for intervals and deadlines, PgUsec and UnixUsec are wall-clock
 * times for the wire and for people.  A loop takes one "now" an iteration and
 * passes it on.
 */
#ifndef OUTBOX_COMMON_CLOCK_H
#define OUTBOX_COMMON_CLOCK_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t MonoUsec; /* monotonic, arbitrary origin */
typedef int64_t UnixUsec; /* since 1970-01-01 UTC */
typedef int64_t PgUsec;	  /* since 2000-01-01 UTC, as in the replication protocol */

#define USEC_PER_MS INT64_C(1000)
#define USEC_PER_SEC INT64_C(1000000)
#define PG_EPOCH_UNIX_USEC INT64_C(946684800000000)
#define MONO_NEVER INT64_MAX
/*
 * When something was that never was: any interval is over since then.  0 will not do: the clock
 * starts there with the machine.
 */
#define MONO_LONG_AGO (-(INT64_MAX / 2))

extern MonoUsec clock_mono(void);
extern UnixUsec clock_wall(void);
extern PgUsec clock_pg(void);

/*
 * For commands that have nothing else to do meanwhile: returns then or a moment later, at once when
 * that is past, and earlier when a signal comes.  Whoever waits for something looks again.
 */
extern void clock_sleep_until(MonoUsec at);

#define CLOCK_TEXT_SIZE 32
/* RFC 3339, UTC, milliseconds: 2026-01-31T12:34:56.789Z; returns the length. */
extern size_t clock_format(UnixUsec at, char *text);

#endif
