/*
 * pace.c
 *	  When the stream is read, and when what it sends is only gathered.
 *
 * Refuses nothing.
 *
 * Invariants: nothing waits for longer than a gathering takes; what is gathered is read before anything is
 * gathered again.
 */
#include "pace.h"

/* Less may be a delay of the network, or of us. */
#define BEHIND_USEC (100 * USEC_PER_MS)
#define BEHIND_GATHER_USEC (20 * USEC_PER_MS)

/* A rate is that of so long at least; busy from the first on, until it is below the second. */
#define RATE_USEC (50 * USEC_PER_MS)
#define BUSY_PER_SEC 2500
#define CALM_PER_SEC 1500

/*
 * A Unix socket holds some 60 small transactions (50 kB, for each message takes more there than it has), of which a
 * walsender sends 110 a millisecond.  A look that finds much was late; one that finds little wasn't needed.
 */
#define STEP_MIN_USEC 250
#define STEP_MAX_USEC (4 * USEC_PER_MS)
#define STEP_FIRST_USEC 500
#define MUCH_BYTES 24576
#define LITTLE_BYTES 8192
/* Much more than small events come to; large ones are worth no waiting. */
#define ENOUGH_BYTES ((size_t) 4 * 1024 * 1024)

void
pace_init(Pace *pace, int64_t busy_usec)
{
	*pace = (Pace){.busy_usec = busy_usec, .until = MONO_NEVER, .step_usec = STEP_FIRST_USEC};
}

void
pace_configure(Pace *pace, int64_t busy_usec)
{
	pace->busy_usec = busy_usec;
}

void
pace_begin(Pace *pace, int64_t age_usec)
{
	pace->behind = age_usec >= BEHIND_USEC;
	pace->begun++;
}

void
pace_read(Pace *pace)
{
	pace->some = true;
}

static void
look_at_rate(Pace *pace, MonoUsec now)
{
	int64_t took = now - pace->counted_from;
	int64_t rate;

	if (took < RATE_USEC)
		return;
	rate = (int64_t) pace->begun * USEC_PER_SEC / took;
	pace->busy = rate >= (pace->busy ? CALM_PER_SEC : BUSY_PER_SEC);
	pace->counted_from = now;
	pace->begun = 0;
}

void
pace_dry(Pace *pace, MonoUsec now)
{
	int64_t gather_usec = 0;

	look_at_rate(pace, now);
	if (pace->behind)
		gather_usec = BEHIND_GATHER_USEC;
	else if (pace->busy)
		gather_usec = pace->busy_usec;
	pace->until = pace->some && gather_usec > 0 ? now + gather_usec : MONO_NEVER;
	pace->some = false;
	pace->gathered = 0;
}

void
pace_gathered(Pace *pace, size_t bytes)
{
	if (bytes > MUCH_BYTES && pace->step_usec > STEP_MIN_USEC)
		pace->step_usec /= 2;
	else if (bytes < LITTLE_BYTES && pace->step_usec < STEP_MAX_USEC)
		pace->step_usec *= 2;
	pace->gathered += bytes;
	if (pace->gathered >= ENOUGH_BYTES)
		pace->until = MONO_NEVER;
}

MonoUsec
pace_gather_at(const Pace *pace, MonoUsec now)
{
	if (pace->until == MONO_NEVER || now >= pace->until)
		return MONO_NEVER;
	return pace->until - now < pace->step_usec ? pace->until : now + pace->step_usec;
}
