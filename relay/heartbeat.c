/*
 * heartbeat.c
 *	  Heartbeats on their way through the WAL.
 *
 * Refuses one without an LSN: it would be confirmed at once.
 *
 * Invariants: at most two are kept; the first that waits is never replaced, so
 * that one gets through however slow Kafka is.  A transaction that was seen is never
 * looked for again.
 */
#include "heartbeat.h"

#include <stdlib.h>
#include <string.h>

/* No transaction has this one: PostgreSQL's InvalidTransactionId. */
#define XID_NONE 0

static void
drop(Heartbeat *heartbeat)
{
	free(heartbeat->snapshot);
	*heartbeat = (Heartbeat){0};
}

void
heartbeats_free(Heartbeats *heartbeats)
{
	drop(&heartbeats->first);
	drop(&heartbeats->last);
}

void
heartbeats_read(Heartbeats *heartbeats, uint32_t xid)
{
	heartbeats->xids[heartbeats->read++ % HEARTBEAT_XIDS] = xid;
}

/*
 * "xmin:xmax:xip,xip": all below xmin is over, nothing from xmax on is, and in between what isn't
 * listed.  The stream has the lower half of an xid; the epoch is that of the nearest to xmax.
 */
static bool
sees(const char *snapshot, uint32_t xid)
{
	char *rest;
	uint64_t xmin = strtoull(snapshot, &rest, 10);
	uint64_t xmax = *rest == ':' ? strtoull(rest + 1, &rest, 10) : 0;
	uint64_t full = xmax + (uint64_t) (int64_t) (int32_t) (xid - (uint32_t) xmax);

	if (full >= xmax)
		return false;
	if (full < xmin)
		return true;
	while (*rest == ':' || *rest == ',')
	{
		const char *number = rest + 1;

		if (strtoull(number, &rest, 10) == full && rest != number)
			return false;
	}
	return true;
}

bool
heartbeats_take(Heartbeats *heartbeats, const char *snapshot, PgLsn lsn, PgUsec at)
{
	Heartbeat *place = heartbeats->first.snapshot == NULL ? &heartbeats->first : &heartbeats->last;
	bool all = true;

	if (lsn == LSN_INVALID)
		return true;
	drop(place);
	*place = (Heartbeat){.snapshot = strdup(snapshot), .lsn = lsn, .at = at};
	for (int i = 0; i < HEARTBEAT_XIDS; i++)
	{
		uint32_t *xid = &heartbeats->xids[i];

		if (*xid != XID_NONE && sees(snapshot, *xid))
			*xid = XID_NONE;
		all &= *xid == XID_NONE;
	}
	return all;
}

const Heartbeat *
heartbeats_confirmed(const Heartbeats *heartbeats, PgLsn confirmed)
{
	if (heartbeats->first.snapshot != NULL && heartbeats->first.lsn <= confirmed)
		return &heartbeats->first;
	return NULL;
}

void
heartbeats_drop_confirmed(Heartbeats *heartbeats)
{
	drop(&heartbeats->first);
	heartbeats->first = heartbeats->last;
	heartbeats->last = (Heartbeat){0};
}
