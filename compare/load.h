/*
 * load.h
 *	  The clients: an open loop.
 *
 * Requests start when the schedule says so, however many are still open, so a
 * slow server is not spared.  For each number one request goes to each mode, with
 * the same payload but for the request id.  Latency counts from the intended
 * start.  A request without an answer in time is unknown and is not repeated.
 *
 * load_start() starts a thread; counters may be read at any time, records after
 * load_finish().
 */
#ifndef OUTBOX_COMPARE_LOAD_H
#define OUTBOX_COMPARE_LOAD_H

#include <stdatomic.h>

#include "clock.h"
#include "error.h"
#include "ledger.h"
#include "mode.h"
#include "reject_reason.h"
#include "schedule.h"

typedef struct LoadConfig
{
	uint64_t id_seed; /* of the request ids */
	uint32_t run;
	Schedule schedule; /* the load's from load_start() on, also when that fails */
	bool modes[MODE_COUNT];
	uint32_t drivers;
	int64_t timeout_usec; /* a client's patience, from the intended start */
	int port;			  /* of the ingest server */
	MonoUsec start_at;
} LoadConfig;

typedef struct LoadRecord
{
	Outcome outcome;
	int http_status;	  /* 0: no answer */
	int64_t latency_usec; /* until the answer, or until patience ended */
} LoadRecord;

/*
 * How many of the accepted took how long, so far: bucket i ends at load_bucket_ms(i), each is
 * 19 % wider than the one before.
 */
#define LOAD_BUCKETS 84

typedef struct LoadCounters
{
	_Atomic uint64_t offered;
	_Atomic uint64_t accepted;
	_Atomic uint64_t rejected;
	_Atomic uint64_t unknown;
	_Atomic uint64_t reasons[REJECT_REASONS]; /* of the rejected */
	_Atomic uint64_t latencies[LOAD_BUCKETS];
} LoadCounters;

extern double load_bucket_ms(int bucket);

typedef struct Load Load;

extern MUST_CHECK Load *load_start(const LoadConfig *config, Error *error);
extern const LoadCounters *load_counters(const Load *load, Mode mode);
/* All requests were offered and have ended. */
extern bool load_done(const Load *load);

/* Offers nothing more, waits for what is open, ends the thread. */
extern void load_finish(Load *load);
/* When a request was meant to start, from the start of the load. */
extern int64_t load_intended(const Load *load, uint32_t number);
/* How many numbers were offered; records 0 .. count - 1. */
extern uint32_t load_count(const Load *load);
extern const LoadRecord *load_records(const Load *load, Mode mode);
extern void load_free(Load *load); /* after load_finish(); NULL is allowed */

/* What an HTTP status means; 0 is no answer. */
extern Outcome load_outcome(int http_status);

#endif
