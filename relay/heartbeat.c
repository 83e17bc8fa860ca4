/*
 * heartbeat.c
 *	  Heartbeats on their way through the WAL.
 *
 * Refuses one without an LSN: it would be confirmed at once.
 *
 * Invariants: at most two are kept; the first that waits is never replaced, so
 * that one gets through however slow Kafka is.
 */
#include "heartbeat.h"

#include <stdlib.h>
#include <string.h>

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
heartbeats_take(Heartbeats *heartbeats, const char *snapshot, PgLsn lsn, PgUsec at)
{
	Heartbeat *place = heartbeats->first.snapshot == NULL ? &heartbeats->first : &heartbeats->last;

	if (lsn == LSN_INVALID)
		return;
	drop(place);
	*place = (Heartbeat){.snapshot = strdup(snapshot), .lsn = lsn, .at = at};
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
