/*
 * heartbeat.h
 *	  Heartbeats on their way through the WAL: which snapshot is behind us.  Pure.
 *
 * A heartbeat is a snapshot, and an LSN that is above the commits of all transactions that
 * it sees.  Once everything up to that LSN is confirmed, the snapshot names the transactions
 * whose events Kafka has for sure; the next mark stores it.
 *
 * Both come over the ordinary connection, in the answer to the statement that wrote the
 * heartbeat.  The message in the WAL only makes the stream come to that LSN: every role may
 * write one like it, so nothing that it says is believed.
 */
#ifndef OUTBOX_RELAY_HEARTBEAT_H
#define OUTBOX_RELAY_HEARTBEAT_H

#include "clock.h"
#include "lsn.h"

typedef struct Heartbeat
{
	char *snapshot; /* NULL: none */
	PgLsn lsn;
	PgUsec at;
} Heartbeat;

typedef struct Heartbeats
{
	Heartbeat first; /* waits to be confirmed */
	Heartbeat last;	 /* came behind it; a newer one takes its place */
} Heartbeats;

extern void heartbeats_free(Heartbeats *heartbeats); /* empty again */

/* snapshot is copied; without memory for it this one is forgotten, and the next one will do. */
extern void heartbeats_take(Heartbeats *heartbeats, const char *snapshot, PgLsn lsn, PgUsec at);
/* NULL: none is confirmed. */
extern const Heartbeat *heartbeats_confirmed(const Heartbeats *heartbeats, PgLsn confirmed);
/* That one is stored, or no good. */
extern void heartbeats_drop_confirmed(Heartbeats *heartbeats);

#endif
