/*
 * pg_repartition.h
 *	  The registration in the hands of outbox-relay repartition alone.  It blocks.
 *
 * From pg_repartition_open() to pg_repartition_close() no relay of the slot starts: the lock
 * that each of them shares as long as it is connected is held alone, by the session that
 * commits the new map.  When that session is lost, the lock is, and nothing is committed.
 */
#ifndef OUTBOX_RELAY_PG_REPARTITION_H
#define OUTBOX_RELAY_PG_REPARTITION_H

#include "lsn.h"
#include "relay_options.h"
#include "repartition_plan.h"

typedef struct PgRepartition PgRepartition;

/* EXIT_IN_USE: a relay of the slot is connected, or reads the slot. */
extern MUST_CHECK PgRepartition *pg_repartition_open(const RelayConfig *config, Error *error);
extern void pg_repartition_close(PgRepartition *repartition); /* NULL is allowed */

/* Where the server's WAL ends now: what was sent to anybody is below. */
extern MUST_CHECK bool pg_repartition_wal_end(PgRepartition *repartition, PgLsn *end, Error *error);

/*
 * One transaction: the new settings, counts and generation, if the registration is what the
 * plan was made of, its mark is at drained or later, and nobody reads the slot.
 */
extern MUST_CHECK bool pg_repartition_commit(PgRepartition *repartition,
											 const RepartitionPlan *plan, PgLsn drained,
											 Error *error);

#endif
