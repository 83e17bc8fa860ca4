/*
 * settle.c
 *	  From records and rows to a path's result: ledger, latency, freshness.
 *
 * An answer is as old as its request's intended start plus its latency.
 */
#include "settle.h"

#include <stdlib.h>

/* One mode at work. */
typedef struct Settling
{
	const SettleInput *input;
	Mode mode;
	const LoadRecord *records;
	uint32_t count;
	Ledger *ledger;
	int64_t *numbers; /* room for one a request */
} Settling;

static double
seconds(int64_t usec)
{
	return (double) usec / USEC_PER_SEC;
}

/* When the client had its answer. */
static MonoUsec
answered_at(const Settling *settling, uint32_t number)
{
	return settling->input->start + load_intended(settling->input->load, number) +
		   settling->records[number].latency_usec;
}

/* When a row of it was in the target; 0: never. */
static MonoUsec
visible_at(const Settling *settling, uint32_t number)
{
	UnixUsec at = ledger_visible_at(settling->ledger, number);

	return at == 0 ? 0 : at - settling->input->wall_start + settling->input->start;
}

/* What was counted as it happened, and what the records say: two witnesses. */
static bool
agrees(const LoadCounters *counters, const LedgerTotals *totals)
{
	uint64_t explained = 0;

	for (int reason = 0; reason < REJECT_REASONS; reason++)
		explained += counters->reasons[reason];
	return counters->rejected == explained && counters->offered == totals->offered &&
		   counters->accepted == totals->accepted && counters->rejected == totals->rejected &&
		   counters->unknown == totals->unknown;
}

static bool
fill_ledger(const Settling *settling, LedgerTotals *totals, Error *error)
{
	const SettleInput *input = settling->input;

	for (uint32_t n = 0; n < settling->count; n++)
		ledger_offer(settling->ledger, n, settling->records[n].outcome);
	if (!audit_mode(&input->audit, settling->mode, settling->ledger, error))
		return false;
	ledger_close(settling->ledger, !mode_consumed(settling->mode) || input->quiet, totals);
	totals->closes = totals->closes && agrees(load_counters(input->load, settling->mode), totals);
	return true;
}

static void
fill_latency(const Settling *settling, PathLatency *latency)
{
	size_t accepted = 0;

	for (uint32_t n = 0; n < settling->count; n++)
	{
		if (settling->records[n].outcome == OUTCOME_ACCEPTED)
			settling->numbers[accepted++] = settling->records[n].latency_usec;
	}
	path_latency_fill(latency, settling->numbers, accepted);
}

/* A direct request is visible before it is answered: that is no time at all. */
static int64_t
visible_after(const Settling *settling, uint32_t number)
{
	MonoUsec visible = visible_at(settling, number);
	MonoUsec answered = answered_at(settling, number);

	if (settling->records[number].outcome != OUTCOME_ACCEPTED || visible == 0)
		return NEVER_VISIBLE;
	return visible > answered ? visible - answered : 0;
}

static void
fill_freshness(const Settling *settling, PathFreshness *freshness, int64_t *visible_usec)
{
	size_t seen = 0;

	for (uint32_t n = 0; n < settling->count; n++)
	{
		int64_t after = visible_after(settling, n);

		if (visible_usec != NULL)
			visible_usec[n] = after;
		if (after != NEVER_VISIBLE)
			settling->numbers[seen++] = after;
	}
	path_freshness_fill(freshness, settling->numbers, seen);
}

/* What had been accepted when everything served again, or when the load ended. */
static double
drain_of(const Settling *settling)
{
	const SettleInput *input = settling->input;
	MonoUsec from = input->back_at > 0 ? input->back_at : input->load_ended;
	MonoUsec last = from;

	for (uint32_t n = 0; n < settling->count; n++)
	{
		MonoUsec visible = visible_at(settling, n);

		if (settling->records[n].outcome != OUTCOME_ACCEPTED || answered_at(settling, n) > from)
			continue;
		if (visible == 0)
			return NOT_DRAINED;
		if (visible > last)
			last = visible;
	}
	return seconds(last - from);
}

/* To the first answer of a later request that was accepted. */
static double
recovery_of(const Settling *settling)
{
	const SettleInput *input = settling->input;

	for (uint32_t n = 0; input->back_at > 0 && n < settling->count; n++)
	{
		if (input->start + load_intended(input->load, n) >= input->back_at &&
			settling->records[n].outcome == OUTCOME_ACCEPTED)
			return seconds(answered_at(settling, n) - input->back_at);
	}
	return NOT_SEEN;
}

bool
settle_path(const SettleInput *input, Mode mode, PathResult *result, int64_t *visible_usec,
			Error *error)
{
	Settling settling = {.input = input,
						 .mode = mode,
						 .records = load_records(input->load, mode),
						 .count = load_count(input->load)};
	bool done = false;

	settling.ledger = ledger_create(settling.count, input->drivers);
	settling.numbers = calloc((size_t) settling.count + 1, sizeof(*settling.numbers));
	if (settling.ledger == NULL || settling.numbers == NULL)
		error_bug(error, "out of memory");
	else if (fill_ledger(&settling, &result->totals, error))
	{
		fill_latency(&settling, &result->latency);
		fill_freshness(&settling, &result->freshness, visible_usec);
		result->drain_s = drain_of(&settling);
		result->recovery_s = recovery_of(&settling);
		for (int reason = 0; reason < REJECT_REASONS; reason++)
			result->rejected_because[reason] = load_counters(input->load, mode)->reasons[reason];
		done = true;
	}
	ledger_free(settling.ledger);
	free(settling.numbers);
	return done;
}
