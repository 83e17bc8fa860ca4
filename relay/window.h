/*
 * window.h
 *	  What is in flight between PostgreSQL and Kafka, and what may be confirmed.  Pure.
 *
 * Transactions enter in commit order, events in order within the open one.
 * Events settle (Kafka acknowledged them) in any order.  In a Kafka transaction they are
 * written first, in any order, and settle all at once when it is committed.
 *
 *	 confirmed          oldest                        newest
 *		 |  ...settled... | t1: 2 of 5 open | t2: done | t3: open, still growing
 *
 * Invariants
 *	I1 confirmed never goes back.
 *	I2 confirmed is the end_lsn of the last of the longest prefix of committed
 *	   transactions with no unsettled event, or a later idle position.
 *	I3 the order of settling doesn't matter.
 *	I4 memory is bounded by the limits given at init; nothing is allocated later.
 *	I5 a token settles once, or is written once; a stale token (settled, written, or from
 *	   before a reset) is refused.
 *	I6 an idle position (keepalive) is adopted only when nothing is open or in
 *	   flight; it may equal the commit LSN of the next transaction.
 *
 * A transaction may have more events than the window: it holds in-flight events
 * only, settled and written ones at the front leave, so a transaction of any size passes,
 * and so does a Kafka transaction.  Written events take neither room nor bytes; they are
 * counted, and the first of them is remembered.
 * A token is a slot index and a generation, never a pointer, and never 0.
 */
#ifndef OUTBOX_RELAY_WINDOW_H
#define OUTBOX_RELAY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "error.h"
#include "lsn.h"

typedef uint64_t DeliveryToken;

typedef struct WindowLimits
{
	uint32_t max_events;	   /* from the first unsettled one to the newest */
	uint32_t max_transactions; /* committed or open, not yet part of the confirmed prefix */
	uint64_t max_bytes;		   /* in flight; one event larger than this passes alone */
} WindowLimits;

/* Where a new producer run starts: the first event of the stream that is not settled. */
typedef struct ResumePoint
{
	PgLsn start_lsn;  /* confirmed: ask the server from here */
	PgLsn commit_lsn; /* the transaction of that event; LSN_INVALID: none, start_lsn says all */
	uint64_t ordinal; /* events of commit_lsn below this ordinal are settled: skip them */
} ResumePoint;

typedef struct Settled
{
	PgLsn commit_lsn;
	uint64_t ordinal;
	PgUsec commit_time;
} Settled;

typedef struct DeliveryWindow DeliveryWindow;

/* NULL: out of memory, or a limit of 0 events or transactions. */
extern DeliveryWindow *window_create(const WindowLimits *limits);
extern void window_free(DeliveryWindow *window);
/*
 * Other limits; false (BUG): an event is in flight, a committed transaction waits, a limit is 0, or
 * there is no memory.  An open transaction goes on.
 */
extern MUST_CHECK bool window_resize(DeliveryWindow *window, const WindowLimits *limits,
									 Error *error);

/*
 * Forget all that is in flight; confirmed becomes start_lsn if that is higher.
 * A ResumePoint is taken before.  An owner that is reset again before it passed the
 * resume point of the first time goes on with the later of the two.
 */
extern void window_reset(DeliveryWindow *window, PgLsn start_lsn);

/*
 * IO_OK, IO_FULL, or IO_FAILED for a call out of order (BUG).  commit_lsn is at or
 * above the end_lsn of the transaction before, and at or above confirmed.  Ordinals
 * rise and may leave some out.
 */
extern MUST_CHECK IoResult window_begin(DeliveryWindow *window, PgLsn commit_lsn,
										PgUsec commit_time, Error *error);
extern MUST_CHECK IoResult window_add(DeliveryWindow *window, uint64_t ordinal, uint32_t bytes,
									  DeliveryToken *token, Error *error);
/*
 * Takes back the newest token when the sink refused the event, right after
 * window_add(); with any other token it does nothing.
 */
extern void window_retract(DeliveryWindow *window, DeliveryToken token);
extern MUST_CHECK IoResult window_commit(DeliveryWindow *window, PgLsn end_lsn, Error *error);

/* false: stale token, nothing changed.  settled may be NULL. */
extern bool window_settle(DeliveryWindow *window, DeliveryToken token, Settled *settled);
/* Kafka has it in a transaction that is open.  false: stale token.  written may be NULL. */
extern bool window_write(DeliveryWindow *window, DeliveryToken token, Settled *written);
/* Of one transaction: how many events settled at once, and when it was committed. */
typedef void (*SettledFn)(PgUsec commit_time, uint32_t events, void *arg);
/* The Kafka transaction is committed: all that was written settles.  fn may be NULL. */
extern void window_settle_written(DeliveryWindow *window, SettledFn fn, void *arg);
/* What a token stands for, without settling it; false: stale. */
extern bool window_peek(const DeliveryWindow *window, DeliveryToken token, Settled *event);

extern void window_idle_at(DeliveryWindow *window, PgLsn wal_end);

extern PgLsn window_confirmed(const DeliveryWindow *window);
extern ResumePoint window_resume_point(const DeliveryWindow *window);
extern bool window_is_idle(const DeliveryWindow *window); /* nothing open, nothing in flight */
extern bool window_in_transaction(const DeliveryWindow *window);
/* Committed ones with events that left, all their events settled; a reset doesn't change it. */
extern uint64_t window_transactions_settled(const DeliveryWindow *window);
extern uint32_t window_events(const DeliveryWindow *window);		 /* unsettled */
extern uint32_t window_unacknowledged(const DeliveryWindow *window); /* and not written */
extern uint64_t window_bytes(const DeliveryWindow *window);			 /* of those */
/* Commit time of the oldest transaction with an unsettled event; 0: none. */
extern PgUsec window_oldest_commit_time(const DeliveryWindow *window);

#endif
