/*
 * shop_load.h
 *	  The shop's clients and its application in one: an open loop.
 *
 * Orders are offered when the schedule says so, each to both paths.  A path has a
 * fixed number of threads with connections of their own, and a bounded queue in
 * front of them: who finds it full, or has waited in it too long, is rejected.
 * Latency counts from the intended start; a client whose patience is over sees no
 * answer, whatever it would have been.
 *
 * Counters may be read at any time, records after shop_load_finish().
 */
#ifndef OUTBOX_COMPARE_SHOP_LOAD_H
#define OUTBOX_COMPARE_SHOP_LOAD_H

#include <stdatomic.h>

#include "clock.h"
#include "schedule.h"
#include "reject_reason.h"
#include "shop_caller.h"

typedef struct ShopLoadConfig
{
	uint64_t seed;
	uint32_t run;
	const Schedule *schedule; /* not copied */
	ShopDatabases databases;
	int threads; /* of each path */
	int queue_length;
	int64_t wait_usec;	  /* longest wait in the queue */
	int64_t timeout_usec; /* a client's patience */
} ShopLoadConfig;

typedef struct ShopRecord
{
	Outcome outcome;
	int64_t latency_usec; /* until the answer, or until patience ended */
} ShopRecord;

typedef struct ShopCounters
{
	_Atomic uint64_t offered;
	_Atomic uint64_t accepted;
	_Atomic uint64_t rejected;
	_Atomic uint64_t unknown;
	_Atomic uint64_t reasons[REJECT_REASONS]; /* of the rejected: busy, or away */
} ShopCounters;

typedef struct ShopLoad ShopLoad;

/* Connects everything. */
extern MUST_CHECK ShopLoad *shop_load_create(const ShopLoadConfig *config, Error *error);
extern MUST_CHECK bool shop_load_start(ShopLoad *load, MonoUsec start_at, Error *error);

extern const ShopCounters *shop_load_counters(const ShopLoad *load, ShopPath path);
/* All orders were offered and have ended. */
extern bool shop_load_done(ShopLoad *load);

/* Offers nothing more, waits for what is open, ends the threads. */
extern void shop_load_finish(ShopLoad *load);
extern uint32_t shop_load_count(const ShopLoad *load); /* orders that were offered */
extern const ShopRecord *shop_load_records(const ShopLoad *load, ShopPath path);
extern void shop_load_free(ShopLoad *load); /* finishes it; NULL is allowed */

#endif
