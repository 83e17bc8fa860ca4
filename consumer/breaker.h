/*
 * breaker.h
 *	  The circuit breaker in front of the target, as a pure state machine.
 *
 *						  5 failures in a row, or too many
 *						  failed or slow calls in the window
 *			 ┌────────┐ ─────────────────────────────────────▶ ┌──────┐
 *		────▶│ CLOSED │                                        │ OPEN │◀─┐
 *			 └────────┘                                        └──────┘  │
 *				  ▲                                  after the │ wait    │ any
 *				  │              ┌───────────┐◀────────────────┘         │ failure
 *				  └──────────────│ HALF_OPEN │───────────────────────────┘
 *					3 successes  └───────────┘
 *
 * CLOSED admits every call, OPEN none, HALF_OPEN one small probe at a time.  The
 * wait is reset_usec; with a growth over 100 % it grows each time that a probe
 * fails, up to reset_max_usec, and falls back once the breaker closes.  Jitter
 * takes up to half of it away.  The mode may hold the breaker open (FORCED_OPEN)
 * or out of the way (DISABLED: everything is admitted, nothing counted).
 *
 * No clock, no memory, no log in here: time and randomness are arguments, and
 * transitions are queued for the caller to take.
 */
#ifndef OUTBOX_CONSUMER_BREAKER_H
#define OUTBOX_CONSUMER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "random.h"

/* The numbers are the metric's. */
typedef enum BreakerState
{
	BREAKER_CLOSED = 0,
	BREAKER_HALF_OPEN = 1,
	BREAKER_OPEN = 2
} BreakerState;

typedef enum BreakerMode
{
	BREAKER_AUTO,
	BREAKER_FORCED_OPEN,
	BREAKER_DISABLED
} BreakerMode;

typedef enum BreakerVerdict
{
	BREAKER_ADMIT,
	BREAKER_PROBE,
	BREAKER_REJECT
} BreakerVerdict;

typedef enum BreakerReason
{
	BREAKER_BY_FAILURES,	 /* in a row */
	BREAKER_BY_FAILURE_RATE, /* in the window */
	BREAKER_BY_SLOW_RATE,
	BREAKER_BY_TIME, /* the wait is over */
	BREAKER_BY_PROBE_FAILURE,
	BREAKER_BY_SUCCESSES,
	BREAKER_BY_MODE
} BreakerReason;

typedef struct BreakerConfig
{
	unsigned failures;	/* in a row that open it */
	unsigned successes; /* probes that close it */
	int64_t reset_usec; /* from OPEN to HALF_OPEN */
	int64_t reset_max_usec;
	unsigned growth_percent; /* 100: the wait stays the same */
	bool jitter;
	int64_t window_usec;
	unsigned window_calls;		   /* fewer calls than this in the window prove nothing */
	unsigned failure_rate_percent; /* 0: not looked at */
	unsigned slow_rate_percent;	   /* 0: not looked at */
	int64_t slow_usec;			   /* a call is slow from here on */
} BreakerConfig;

#define BREAKER_BUCKETS 10
#define BREAKER_TRANSITIONS 4

typedef struct BreakerBucket
{
	int64_t index; /* time / bucket length; -1: empty */
	unsigned calls;
	unsigned failures;
	unsigned slow;
} BreakerBucket;

typedef struct BreakerTransition
{
	BreakerState from;
	BreakerState to;
	BreakerReason reason;
} BreakerTransition;

typedef struct Breaker
{
	BreakerConfig config;
	BreakerMode mode;
	BreakerState state;
	unsigned failures;	/* in a row, while CLOSED */
	unsigned successes; /* while HALF_OPEN */
	unsigned reopened;	/* probes that failed since it was CLOSED */
	MonoUsec wake_at;	/* OPEN ends */
	BreakerBucket buckets[BREAKER_BUCKETS];
	BreakerTransition queue[BREAKER_TRANSITIONS];
	int queued;
} Breaker;

extern void breaker_init(Breaker *breaker, const BreakerConfig *config);

/* Whether a call may go out now.  The wait's end is noticed here. */
extern BreakerVerdict breaker_ask(Breaker *breaker, MonoUsec now);

/* What became of a call that was admitted, and how long it took. */
extern void breaker_succeeded(Breaker *breaker, MonoUsec now, int64_t took_usec, Random *random);
extern void breaker_failed(Breaker *breaker, MonoUsec now, int64_t took_usec, Random *random);

/* When OPEN may become HALF_OPEN; MONO_NEVER in other states and when forced. */
extern MonoUsec breaker_wake_at(const Breaker *breaker);

/* Leaving a mode leaves the breaker CLOSED with nothing counted. */
extern void breaker_set_mode(Breaker *breaker, BreakerMode mode);

/* The oldest transition that wasn't taken; false when there is none. */
extern bool breaker_take_transition(Breaker *breaker, BreakerTransition *transition);

extern const char *breaker_state_name(BreakerState state);
extern const char *breaker_reason_name(BreakerReason reason);

#endif
