/*
 * heartbeat.h
 *	  Heartbeats on their way through the WAL: which snapshot is behind us.  Pure.
 *
 * A heartbeat is a snapshot, and an LSN that is above the commits of all transactions that
 * it sees.  Once everything up to that LSN is confirmed, the snapshot names the transactions
 * whose events Kafka has for sure; the next mark stores it.
 *
 * A transaction comes through the WAL before other sessions see it: its backend leaves the list
 * of those in progress after the commit record is flushed, and with synchronous replication
 * only when a standby has it (RecordTransactionCommit() and ProcArrayEndTransaction() in
 * PostgreSQL's xact.c).  A heartbeat in between doesn't see it, and another one has to follow.
 *
 * Both come over the ordinary connection, in the answer to the statement that wrote the
 * heartbeat.  The message in the WAL only makes the stream come to that LSN: every role may
 * write one like it, so nothing that it says is believed.
 */
#ifndef OUTBOX_RELAY_HEARTBEAT_H
#define OUTBOX_RELAY_HEARTBEAT_H

#include "clock.h"
#include "error.h"
#include "lsn.h"

#include <stdbool.h>

#define HEARTBEAT_XIDS 64

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
	/* Transactions with events that no heartbeat has seen; a ring of the last ones. */
	uint32_t xids[HEARTBEAT_XIDS];
	uint32_t read; /* of them, ever; the youngest is at (read - 1) % HEARTBEAT_XIDS */
} Heartbeats;

/* Without heartbeats again.  What was read stays: the next session's heartbeats have to see it. */
extern void heartbeats_free(Heartbeats *heartbeats);

/* A transaction with events came through the WAL.  Costs one store. */
extern void heartbeats_read(Heartbeats *heartbeats, uint32_t xid);
/*
 * snapshot, as the type pg_snapshot is written, is copied; without memory for it this one is
 * forgotten, and the next one will do.  false: it doesn't see one of the last HEARTBEAT_XIDS
 * transactions that were read, so that one more is needed.
 */
extern MUST_CHECK bool heartbeats_take(Heartbeats *heartbeats, const char *snapshot, PgLsn lsn,
									   PgUsec at);
/* NULL: none is confirmed. */
extern const Heartbeat *heartbeats_confirmed(const Heartbeats *heartbeats, PgLsn confirmed);
/* That one is stored, or no good. */
extern void heartbeats_drop_confirmed(Heartbeats *heartbeats);

#endif
