/*
 * breaker.h
 *	  A circuit breaker, as a pure state machine.
 *
 *                   5 failures in a row, or too many
 *                   failed or slow calls in the window
 *       ┌────────┐ ─────────────────────────────────▶ ┌──────┐
 *    ──▶│ CLOSED │                                    │ OPEN │◀────┐
 *       └────────┘ ◀───────────────────────────────── └──────┘     │
 *           ▲                   by hand                  │         │ a failure, or a
 *           │               ┌───────────┐                │         │ slow call when
 *           └───────────────│ HALF_OPEN │◀───────────────┘         │ those count
 *             3 successes,  └───────────┘  after the wait,         │
 *             or by hand          │        or by hand              │
 *                                 └────────────────────────────────┘
 *
 * CLOSED admits every call, OPEN none, HALF_OPEN one small probe at a time (the
 * caller has one call under way).  The wait is reset_usec; with a growth over 100 %
 * it grows each time that a probe fails, up to reset_max_usec, and falls back once
 * the breaker closes.  Jitter takes up to half of it away.
 *
 * The window holds the calls of CLOSED: the last window_size of them, or those of
 * the last window_usec (to a tenth of it).  With fewer than window_calls in it no
 * rate is taken.  A call that failed may be a slow one too.
 *
 * The mode is AUTO, or holds the breaker open (FORCED_OPEN: no wait ends it) or out
 * of the way (DISABLED: CLOSED, everything is admitted, nothing counted).  From any
 * state FORCED_OPEN leads to OPEN, and the other modes to CLOSED.
 *
 * No clock, no memory, no log in here: time and randomness are arguments, and
 * transitions are queued for the caller to take.  Time must not go back.
 */
#ifndef OUTBOX_COMMON_BREAKER_H
#define OUTBOX_COMMON_BREAKER_H

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

#define BREAKER_STATES 3

typedef enum BreakerMode
{
	BREAKER_AUTO,
	BREAKER_FORCED_OPEN,
	BREAKER_DISABLED
} BreakerMode;

#define BREAKER_MODES 3

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
	BREAKER_BY_SLOW_PROBE,
	BREAKER_BY_SUCCESSES,
	BREAKER_BY_MODE,
	BREAKER_BY_HAND
} BreakerReason;

typedef enum BreakerWindow
{
	BREAKER_WINDOW_TIME,
	BREAKER_WINDOW_COUNT
} BreakerWindow;

#define BREAKER_BUCKETS 10
#define BREAKER_WINDOW_MAX 1000
#define BREAKER_TRANSITIONS 8

typedef struct BreakerConfig
{
	unsigned failures;	/* in a row that open it; 0: not looked at */
	unsigned successes; /* probes that close it */
	int64_t reset_usec; /* from OPEN to HALF_OPEN */
	int64_t reset_max_usec;
	unsigned growth_percent; /* 100: the wait stays the same */
	bool jitter;
	BreakerWindow window;
	int64_t window_usec;		   /* of a window of time */
	unsigned window_size;		   /* of a window of calls, 1 to BREAKER_WINDOW_MAX */
	unsigned window_calls;		   /* fewer calls than this in the window prove nothing */
	unsigned failure_rate_percent; /* 0: not looked at */
	unsigned slow_rate_percent;	   /* 0: not looked at */
	int64_t slow_usec;			   /* a call is slow from here on */
} BreakerConfig;

typedef struct BreakerCounts
{
	unsigned calls;
	unsigned failures;
	unsigned slow;
} BreakerCounts;

typedef struct BreakerBucket
{
	int64_t index; /* time / bucket length; -1: empty */
	BreakerCounts counts;
} BreakerBucket;

/* What was when it happened: before anything was forgotten. */
typedef struct BreakerTransition
{
	BreakerState from;
	BreakerState to;
	BreakerReason reason;
	unsigned failures;	  /* in a row, of CLOSED */
	unsigned successes;	  /* of HALF_OPEN */
	BreakerCounts window; /* of CLOSED */
	int64_t lasted_usec;  /* the state that ended; -1: it is the first one */
	int64_t wait_usec;	  /* of OPEN; -1: not this state, or no wait ends it */
} BreakerTransition;

typedef struct Breaker
{
	BreakerConfig config;
	BreakerMode mode;
	BreakerState state;
	MonoUsec since;		/* in this state; -1: from the beginning */
	unsigned failures;	/* in a row, while CLOSED */
	unsigned successes; /* while HALF_OPEN */
	unsigned reopened;	/* probes that failed since it was CLOSED */
	MonoUsec wake_at;	/* OPEN ends */
	BreakerBucket buckets[BREAKER_BUCKETS];
	uint8_t calls[BREAKER_WINDOW_MAX]; /* a ring of the last window_size ones */
	unsigned call_next;
	BreakerCounts call_counts;
	uint64_t transitions[BREAKER_STATES][BREAKER_STATES]; /* from, to */
	BreakerTransition queue[BREAKER_TRANSITIONS];
	int queued;
} Breaker;

extern void breaker_init(Breaker *breaker, const BreakerConfig *config);

/* Whether a call may go out now.  The wait's end is noticed here. */
extern BreakerVerdict breaker_ask(Breaker *breaker, MonoUsec now);

/*
 * What became of a call that was admitted, and how long it took.  It counts in the
 * state that the breaker has now.
 */
extern void breaker_succeeded(Breaker *breaker, MonoUsec now, int64_t took_usec, Random *random);
extern void breaker_failed(Breaker *breaker, MonoUsec now, int64_t took_usec, Random *random);

/* When OPEN may become HALF_OPEN; MONO_NEVER in other states and when forced. */
extern MonoUsec breaker_wake_at(const Breaker *breaker);

/* Does nothing in that mode already; else whatever was counted is forgotten. */
extern void breaker_set_mode(Breaker *breaker, BreakerMode mode, MonoUsec now);

/* Mode AUTO, CLOSED, nothing counted: also out of a wait. */
extern void breaker_close(Breaker *breaker, MonoUsec now);

/* Mode AUTO and HALF_OPEN, without the rest of the wait; false when it isn't OPEN. */
extern bool breaker_try_now(Breaker *breaker, MonoUsec now);

/* What the window holds. */
extern BreakerCounts breaker_window(const Breaker *breaker, MonoUsec now);

/* In percent, 0 to 100; -1: too few calls to say. */
extern double breaker_rate(const Breaker *breaker, const BreakerCounts *window, unsigned calls);

/*
 * The oldest transition that wasn't taken; false when there is none.  Of more than
 * BREAKER_TRANSITIONS the oldest are forgotten; "transitions" has counted them.
 */
extern bool breaker_take_transition(Breaker *breaker, BreakerTransition *transition);

extern const char *breaker_state_name(BreakerState state);
extern const char *breaker_mode_name(BreakerMode mode);
extern const char *breaker_reason_name(BreakerReason reason);

#endif
