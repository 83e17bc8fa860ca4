/*
 * sim.h
 *	  What the two simulations share: a clock that jumps, an agenda, dice, memory, and how a
 *	  rule that was broken is told.
 *
 * One seed is one run, and says everything that happens in it: the programs' own clock and
 * their source of seeds are replaced by the linker (Makefile), and nothing here asks the system.
 * Memory of a run is taken from one block and given back as a whole; what the programs
 * allocate they free themselves.
 *
 * Invariants: actions of the agenda come in the order of their times, and of one time in the
 * order in which they were entered; time never goes back.
 */
#ifndef OUTBOX_TEST_SIM_H
#define OUTBOX_TEST_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "error.h"
#include "random.h"

typedef void (*SimAction)(void *object);

typedef struct Sim
{
	uint64_t seed;
	Random random;
	MonoUsec now;
	bool tracing;
} Sim;

extern Sim sim;

/* A world, from its creation to the end of the run.  Returns what it counted. */
typedef struct SimCounts
{
	uint64_t steps;		/* of the program */
	uint64_t crashes;	/* of it */
	uint64_t faults;	/* of all else */
	uint64_t events;	/* committed, or there to be applied */
	uint64_t repeated;	/* that came again, and were known */
	uint64_t given_up;	/* dead letters */
	uint64_t long_runs; /* that needed all the time they had */
} SimCounts;

typedef struct SimSide
{
	const char *name;
	void (*run)(SimCounts *counts);
} SimSide;

extern const SimSide sim_relay_side;
extern const SimSide sim_consumer_side;

/*
 * Whoever is called when he is due: at due_at(number), by step(number).  sim_run() goes on until
 * is_over() says so behind ends_at, and fails "rule" when that takes longer than rest_usec.
 */
typedef struct SimParty
{
	int count;
	MonoUsec (*due_at)(int number); /* MONO_NEVER: he waits for nothing */
	void (*step)(int number);
	bool (*is_over)(void);
	MonoUsec ends_at;
	int64_t rest_usec;
	const char *rule;
} SimParty;

extern void sim_run(const SimParty *party);

/* Zeroed, until the run ends. */
extern void *sim_alloc(size_t size);

extern uint64_t sim_below(uint64_t bound);
extern int64_t sim_between(int64_t low, int64_t high); /* both included */
extern bool sim_chance(unsigned percent);

/* Does it at that time, or now when that is past. */
extern void sim_at(MonoUsec at, SimAction action, void *object);
extern void sim_after(int64_t usec, SimAction action, void *object);
/* MONO_NEVER: nothing is entered. */
extern MonoUsec sim_next(void);
/* Does what is due by now. */
extern void sim_act(void);

/* Ends the run: the rule that was broken. */
extern void sim_fail(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((noreturn));
#define SIM_CHECK(condition, ...)                                                                  \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
			sim_fail(__VA_ARGS__);                                                                 \
	} while (0)

extern void sim_tell(const char *fmt, ...) PRINTF_LIKE(1, 2);
#define SIM_TRACE(...)                                                                             \
	do                                                                                             \
	{                                                                                              \
		if (sim.tracing)                                                                           \
			sim_tell(__VA_ARGS__);                                                                 \
	} while (0)

#endif
