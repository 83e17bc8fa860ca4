/*
 * renewal.c
 *	  When a client that may have lost topics for good is given up for a new one.
 */
#include "renewal.h"

#define FIRST_VERSION 0x02040000
#define MENDED_VERSION 0x020a0000

bool
renewal_is_for(int version)
{
	return version >= FIRST_VERSION && version < MENDED_VERSION;
}

void
renewal_missed(Renewal *renewal, bool joined, MonoUsec now)
{
	if (!joined || renewal->due)
		return;
	renewal->due = true;
	renewal->due_at = now + RENEWAL_SETTLE_USEC;
	if (renewal->pause > 0 && renewal->due_at < renewal->last + renewal->pause)
		renewal->due_at = renewal->last + renewal->pause;
}

void
renewal_replaced(Renewal *renewal, MonoUsec now)
{
	renewal->due = true;
	renewal->due_at = now;
}

bool
renewal_is_due(const Renewal *renewal, MonoUsec now)
{
	return renewal->due && now >= renewal->due_at;
}

void
renewal_opened(Renewal *renewal, MonoUsec now)
{
	if (!renewal->due)
		return;
	renewal->due = false;
	if (renewal->pause == 0 || now - renewal->last > 2 * renewal->pause)
		renewal->pause = RENEWAL_PAUSE_USEC;
	else if (renewal->pause <= RENEWAL_PAUSE_MAX_USEC / 2)
		renewal->pause *= 2;
	else
		renewal->pause = RENEWAL_PAUSE_MAX_USEC;
	renewal->last = now;
}
