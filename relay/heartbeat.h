/*
 * heartbeat.h
 *	  Heartbeats on their way through the WAL: which snapshot is behind us.  Pure.
 *
 * A heartbeat message carries the snapshot of its transaction.  Once everything
 * up to its commit is confirmed, that snapshot names the transactions whose
 * events Kafka has for sure; the next mark stores it.
 */
#ifndef OUTBOX_RELAY_HEARTBEAT_H
#define OUTBOX_RELAY_HEARTBEAT_H

#include "clock.h"
#include "lsn.h"
#include "reader.h"

#define HEARTBEAT_SNAPSHOT_MAX 32768

typedef struct Heartbeat
{
	char *snapshot; /* NULL: none */
	PgLsn end_lsn;
	PgUsec at;
} Heartbeat;

typedef struct Heartbeats
{
	Heartbeat open;	 /* of the open transaction */
	Heartbeat first; /* waits to be confirmed */
	Heartbeat last;	 /* came behind it; a newer one takes its place */
} Heartbeats;

extern void heartbeats_free(Heartbeats *heartbeats); /* empty again */

/* content: "<slot name> <pg_snapshot>"; others' slots and what is no snapshot are ignored. */
extern void heartbeats_take(Heartbeats *heartbeats, const char *slot, ByteView content);
extern void heartbeats_commit(Heartbeats *heartbeats, PgLsn end_lsn, PgUsec commit_time);
/* NULL: none is confirmed. */
extern const Heartbeat *heartbeats_confirmed(const Heartbeats *heartbeats, PgLsn confirmed);
/* That one is stored, or no good. */
extern void heartbeats_drop_confirmed(Heartbeats *heartbeats);

#endif
