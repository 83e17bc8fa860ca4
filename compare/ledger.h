/*
 * ledger.h
 *	  What became of every request of one mode.  Pure.
 *
 *	offered  = accepted + rejected + unknown
 *	accepted = in the target + pending + lost
 *
 * An outcome is what the client saw.  "stored" is where the application put it
 * before it answered (audit.h): the target, the source or a topic; "in target" is
 * the target.  A row of nobody, of a request that was refused, or without the
 * record that should be its cause, is "invented".
 *
 * Versions count a driver's reports in the order in which they were stored.
 * Feed the target's rows in the order in which they came.
 */
#ifndef OUTBOX_COMPARE_LEDGER_H
#define OUTBOX_COMPARE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "error.h"

typedef enum Outcome
{
	OUTCOME_NONE, /* not offered, or its end has not come */
	OUTCOME_ACCEPTED,
	OUTCOME_REJECTED, /* the client knows that it was not stored */
	OUTCOME_UNKNOWN	  /* no answer in time, or an answer that says so */
} Outcome;

typedef struct LedgerTotals
{
	uint64_t offered;
	uint64_t accepted;
	uint64_t rejected;
	uint64_t unknown;
	uint64_t durable;	/* stored, whatever the client knows */
	uint64_t in_target; /* requests with a row in the target, whatever the client knows */
	uint64_t accepted_in_target;
	uint64_t pending;		   /* accepted and stored, still on their way */
	uint64_t lost;			   /* accepted, and nothing will bring them */
	uint64_t duplicates;	   /* rows in the target beyond the first of each request */
	uint64_t order_violations; /* rows behind a later version of their driver, and drivers whose
								  latest location is not their last version */
	uint64_t invented;
	uint64_t unknown_stored;  /* of those with unknown outcome */
	uint64_t unknown_missing; /* of these, not in the target, and nothing will bring them */
	uint64_t open;			  /* offered, but no outcome was ever recorded: a defect of the test */
	bool closes;			  /* both equations hold, nothing is open, and what was counted as it
								 happened is the same (settle.h) */
} LedgerTotals;

typedef struct Ledger Ledger;

/* For requests 0 .. count - 1 and drivers 0 .. drivers - 1; NULL when there is no memory. */
extern Ledger *ledger_create(uint32_t count, uint32_t drivers);
extern void ledger_free(Ledger *ledger); /* NULL is allowed */

extern void ledger_offer(Ledger *ledger, uint32_t number, Outcome outcome);
extern void ledger_stored(Ledger *ledger, uint32_t number);
extern void ledger_in_target(Ledger *ledger, uint32_t number, uint32_t driver, int64_t version,
							 UnixUsec visible_at);
/* Of the first such row; 0: there is none. */
extern UnixUsec ledger_visible_at(const Ledger *ledger, uint32_t number);
/* What driver_location in the target says at the end. */
extern void ledger_latest(Ledger *ledger, uint32_t driver, int64_t version);
/* A row that belongs to no request or driver of this run. */
extern void ledger_stranger(Ledger *ledger);

/*
 * quiet: nothing is on its way any more, so what is missing is lost; else it is
 * pending as long as it is stored.
 */
extern void ledger_close(const Ledger *ledger, bool quiet, LedgerTotals *totals);

/* Closes, and nothing pending, lost, duplicated, invented or out of order, whatever the client knows. */
extern bool ledger_is_clean(const LedgerTotals *totals);

#endif
