/*
 * sim.c
 *	  Runs seeds through the simulations, and tells of the first that fails.
 *
 *	sim [--relay | --consumer] [--seeds=1..N] [--trace] [--counts] [--refuse[=N]]
 *
 * --refuse runs each seed again and again, and refuses another allocation of the programs each time, from the
 * first to the last; with a number that one alone.
 *
 * The last line is "N passed, N failed", of runs.  A run that fails is made again with its
 * trace, of which the end is printed, with the command that repeats it; then it is over.
 */
#include "sim.h"

#include "log.h"
#include "short_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY ((size_t) 8 << 20)
#define AGENDA_MAX 4096
#define BEGIN_AT (INT64_C(1000) * USEC_PER_SEC)
#define WALL_OFFSET INT64_C(1700000000000000)
#define TAIL_LINES 60
#define LINE_SIZE 400

Sim sim;

typedef struct Entry
{
	MonoUsec at;
	uint64_t number;
	SimAction action;
	void *object;
} Entry;

static Entry agenda[AGENDA_MAX]; /* a heap */
static size_t entries;
static uint64_t entered;

static _Alignas(16) uint8_t memory[MEMORY];
static size_t memory_used;

static jmp_buf escape;
static char broken_rule[LINE_SIZE];
static char tail[TAIL_LINES][LINE_SIZE];
static uint64_t told;
static bool tells_all;
static uint64_t refused; /* allocation of the run; 0: none */

/* -------------------------------------------------------------------------
 * what the linker puts in the place of the programs' own (Makefile)
 * -------------------------------------------------------------------------
 */

extern MonoUsec __wrap_clock_mono(void);
extern UnixUsec __wrap_clock_wall(void);
extern PgUsec __wrap_clock_pg(void);
extern uint64_t __wrap_random_seed_from_system(void);

MonoUsec
__wrap_clock_mono(void)
{
	return sim.now;
}

UnixUsec
__wrap_clock_wall(void)
{
	return sim.now + WALL_OFFSET;
}

PgUsec
__wrap_clock_pg(void)
{
	return __wrap_clock_wall() - PG_EPOCH_UNIX_USEC;
}

uint64_t
__wrap_random_seed_from_system(void)
{
	return random_next(&sim.random);
}

/* -------------------------------------------------------------------------
 * memory, dice, agenda
 * -------------------------------------------------------------------------
 */

void *
sim_alloc(size_t size)
{
	void *block = &memory[memory_used];

	size = (size + 15) & ~(size_t) 15;
	SIM_CHECK(size <= MEMORY - memory_used, "the world is too large");
	memory_used += size;
	memset(block, 0, size);
	return block;
}

uint64_t
sim_below(uint64_t bound)
{
	return random_below(&sim.random, bound);
}

int64_t
sim_between(int64_t low, int64_t high)
{
	return low + (int64_t) sim_below((uint64_t) (high - low) + 1);
}

bool
sim_chance(unsigned percent)
{
	return sim_below(100) < percent;
}

static bool
comes_before(const Entry *a, const Entry *b)
{
	return a->at != b->at ? a->at < b->at : a->number < b->number;
}

void
sim_at(MonoUsec at, SimAction action, void *object)
{
	Entry entry = {at > sim.now ? at : sim.now, entered++, action, object};
	size_t i = entries;

	SIM_CHECK(entries < AGENDA_MAX, "the agenda is full");
	entries++;
	for (; i > 0 && comes_before(&entry, &agenda[(i - 1) / 2]); i = (i - 1) / 2)
		agenda[i] = agenda[(i - 1) / 2];
	agenda[i] = entry;
}

void
sim_after(int64_t usec, SimAction action, void *object)
{
	sim_at(sim.now + usec, action, object);
}

MonoUsec
sim_next(void)
{
	return entries > 0 ? agenda[0].at : MONO_NEVER;
}

static Entry
take_first(void)
{
	Entry first = agenda[0];
	Entry last = agenda[--entries];
	size_t i = 0;

	for (;;)
	{
		size_t child = 2 * i + 1;

		if (child + 1 < entries && comes_before(&agenda[child + 1], &agenda[child]))
			child++;
		if (child >= entries || !comes_before(&agenda[child], &last))
			break;
		agenda[i] = agenda[child];
		i = child;
	}
	agenda[i] = last;
	return first;
}

void
sim_act(void)
{
	while (entries > 0 && agenda[0].at <= sim.now)
	{
		Entry entry = take_first();

		entry.action(entry.object);
	}
}

/* true: somebody had something to do. */
static bool
turn(const SimParty *party)
{
	bool any = false;

	for (int i = 0; i < party->count; i++)
	{
		if (party->due_at(i) > sim.now)
			continue;
		party->step(i);
		sim_act();
		any = true;
	}
	return any;
}

static void
wait(const SimParty *party)
{
	MonoUsec at = sim_next();

	for (int i = 0; i < party->count; i++)
	{
		if (party->due_at(i) < at)
			at = party->due_at(i);
	}
	SIM_CHECK(at != MONO_NEVER, "%s: everybody waits for nothing", party->rule);
	sim.now = at;
}

void
sim_run(const SimParty *party)
{
	for (;;)
	{
		sim_act();
		if (turn(party))
			continue;
		if (sim.now > party->ends_at && party->is_over())
			return;
		SIM_CHECK(sim.now < party->ends_at + party->rest_usec,
				  "%s: %lld s without faults were not enough", party->rule,
				  (long long) (party->rest_usec / USEC_PER_SEC));
		wait(party);
	}
}

/* -------------------------------------------------------------------------
 * what is told
 * -------------------------------------------------------------------------
 */

void
sim_tell(const char *fmt, ...)
{
	char *line = tail[told++ % TAIL_LINES];
	int len = snprintf(line, LINE_SIZE, "%10.6f  ", (double) (sim.now - BEGIN_AT) / USEC_PER_SEC);
	va_list args;

	va_start(args, fmt);
	vsnprintf(line + len, LINE_SIZE - (size_t) len, fmt, args);
	va_end(args);
	if (tells_all)
		fprintf(stderr, "%s\n", line);
}

void
sim_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(broken_rule, sizeof(broken_rule), fmt, args);
	va_end(args);
	longjmp(escape, 1);
}

/* -------------------------------------------------------------------------
 * seeds
 * -------------------------------------------------------------------------
 */

/* false: a rule was broken.  The world that is left behind is lost: one seed fails, then it is over. */
static bool
run_seed(const SimSide *side, uint64_t seed, bool tracing, bool is_warm, SimCounts *counts)
{
	static int64_t held;

	sim = (Sim){.seed = seed, .now = BEGIN_AT, .tracing = tracing};
	random_seed(&sim.random, seed * UINT64_C(0x9E3779B97F4A7C15) + 1);
	entries = 0;
	entered = 0;
	memory_used = 0;
	told = 0;
	short_memory_begin(refused);
	held = short_memory_held();
	if (setjmp(escape) != 0)
		return false;
	side->run(counts);
	/* What both sides make once is made in the first run. */
	SIM_CHECK(short_memory_held() == held || !is_warm, "%lld blocks of memory were left behind",
			  (long long) (short_memory_held() - held));
	return true;
}

static void
tell_failure(const SimSide *side, uint64_t seed, const char *program)
{
	char rule[LINE_SIZE];
	uint64_t first;
	SimCounts counts = {0};

	snprintf(rule, sizeof(rule), "%s", broken_rule);
	printf("not ok: %s, seed %llu: %s\n", side->name, (unsigned long long) seed, rule);
	if (run_seed(side, seed, true, true, &counts) || strcmp(rule, broken_rule) != 0)
		printf("... and the second time: %s\n", broken_rule);
	first = told > TAIL_LINES ? told - TAIL_LINES : 0;
	for (uint64_t i = first; i < told; i++)
		printf("    %s\n", tail[i % TAIL_LINES]);
	printf("To repeat it: %s --%s --seeds=%llu..%llu --trace", program, side->name,
		   (unsigned long long) seed, (unsigned long long) seed);
	if (refused > 0)
		printf(" --refuse=%llu", (unsigned long long) refused);
	printf("\n");
}

static void
print_counts(const SimSide *side, const SimCounts *counts)
{
	printf("%s: %llu steps, %llu crashes, %llu other faults, %llu events, %llu repeated, "
		   "%llu dead letters\n",
		   side->name, (unsigned long long) counts->steps, (unsigned long long) counts->crashes,
		   (unsigned long long) counts->faults, (unsigned long long) counts->events,
		   (unsigned long long) counts->repeated, (unsigned long long) counts->given_up);
}

static bool
take_range(const char *text, uint64_t *first, uint64_t *last)
{
	char *rest;

	*first = *last = strtoull(text, &rest, 10);
	if (strncmp(rest, "..", 2) == 0)
		*last = strtoull(rest + 2, &rest, 10);
	return *rest == '\0' && *first > 0 && *first <= *last;
}

/* One run, or with --refuse one for each allocation; false: the last one failed. */
static bool
run_all(const SimSide *side, uint64_t seed, bool refuses, SimCounts *counts, uint64_t *passed)
{
	static bool warm[2];
	bool *is_warm = &warm[side == &sim_consumer_side];
	uint64_t only = refused;

	/* What is made once, and how it goes when nothing is refused. */
	refused = 0;
	if (!*is_warm || only == 0)
	{
		if (!run_seed(side, seed, tells_all && only == 0, *is_warm, counts))
			return false;
		*is_warm = true;
		*passed += only == 0;
	}
	refused = only;
	if (!refuses)
		return true;
	for (refused = only > 0 ? only : 1;; refused++)
	{
		if (!run_seed(side, seed, tells_all, true, counts))
			return false;
		*passed += short_memory_refused();
		if (!short_memory_refused() || only > 0)
			break;
	}
	refused = only;
	return true;
}

int
main(int argc, char **argv)
{
	static const SimSide *const sides[] = {&sim_relay_side, &sim_consumer_side};
	const SimSide *only = NULL;
	uint64_t first = 1;
	uint64_t last = 1000;
	uint64_t passed = 0;
	uint64_t failed = 0;
	uint64_t ignored;
	bool wants_counts = false;
	bool refuses = false;

	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--relay") == 0)
			only = &sim_relay_side;
		else if (strcmp(argv[i], "--consumer") == 0)
			only = &sim_consumer_side;
		else if (strcmp(argv[i], "--trace") == 0)
			tells_all = true;
		else if (strcmp(argv[i], "--counts") == 0)
			wants_counts = true;
		else if (strcmp(argv[i], "--refuse") == 0)
			refuses = true;
		else if (strncmp(argv[i], "--refuse=", 9) == 0 &&
				 take_range(argv[i] + 9, &refused, &ignored))
			refuses = true;
		else if (strncmp(argv[i], "--seeds=", 8) != 0 || !take_range(argv[i] + 8, &first, &last))
		{
			fprintf(stderr, "usage: sim [--relay | --consumer] [--seeds=1..N] [--trace] [--counts] "
							"[--refuse[=N]]\n");
			return 2;
		}
	}
	log_init("sim", tells_all ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	for (int i = 0; i < 2 && failed == 0; i++)
	{
		SimCounts counts = {0};

		if (only != NULL && only != sides[i])
			continue;
		for (uint64_t seed = first; seed <= last && failed == 0; seed++)
		{
			if (!run_all(sides[i], seed, refuses, &counts, &passed))
			{
				failed++;
				tell_failure(sides[i], seed, argv[0]);
			}
		}
		if (wants_counts)
			print_counts(sides[i], &counts);
	}
	printf("%llu passed, %llu failed\n", (unsigned long long) passed, (unsigned long long) failed);
	return failed > 0;
}
