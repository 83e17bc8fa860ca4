/*
 * ledger.c
 *	  Classification by request.  Pure: rows and outcomes come in, totals go out.
 */
#include "ledger.h"

#include <stdlib.h>

typedef struct LedgerEntry
{
	Outcome outcome;
	bool offered;
	bool stored;
	uint32_t target_rows;
	UnixUsec visible_at; /* of the first of them */
} LedgerEntry;

typedef struct LedgerDriver
{
	int64_t highest; /* version in the history so far; 0: none */
	int64_t latest;	 /* in driver_location; 0: no row */
} LedgerDriver;

struct Ledger
{
	LedgerEntry *entries;
	uint32_t count;
	LedgerDriver *drivers;
	uint32_t driver_count;
	uint64_t strangers;
	uint64_t backward; /* rows behind a later version */
};

Ledger *
ledger_create(uint32_t count, uint32_t drivers)
{
	Ledger *ledger = calloc(1, sizeof(*ledger));

	if (ledger == NULL)
		return NULL;
	ledger->count = count;
	ledger->driver_count = drivers;
	ledger->entries = calloc(count > 0 ? count : 1, sizeof(*ledger->entries));
	ledger->drivers = calloc(drivers > 0 ? drivers : 1, sizeof(*ledger->drivers));
	if (ledger->entries == NULL || ledger->drivers == NULL)
	{
		ledger_free(ledger);
		return NULL;
	}
	return ledger;
}

void
ledger_free(Ledger *ledger)
{
	if (ledger == NULL)
		return;
	free(ledger->entries);
	free(ledger->drivers);
	free(ledger);
}

void
ledger_offer(Ledger *ledger, uint32_t number, Outcome outcome)
{
	if (number >= ledger->count)
		return;
	ledger->entries[number].offered = true;
	ledger->entries[number].outcome = outcome;
}

void
ledger_stored(Ledger *ledger, uint32_t number)
{
	if (number < ledger->count)
		ledger->entries[number].stored = true;
	else
		ledger->strangers++;
}

void
ledger_in_target(Ledger *ledger, uint32_t number, uint32_t driver, int64_t version,
				 UnixUsec visible_at)
{
	LedgerEntry *entry;

	if (number >= ledger->count || driver >= ledger->driver_count)
	{
		ledger->strangers++;
		return;
	}
	entry = &ledger->entries[number];
	entry->target_rows++;

	/* A repetition is a duplicate, not a step backwards as well. */
	if (entry->target_rows > 1)
		return;
	entry->visible_at = visible_at;
	if (version <= ledger->drivers[driver].highest)
		ledger->backward++;
	else
		ledger->drivers[driver].highest = version;
}

UnixUsec
ledger_visible_at(const Ledger *ledger, uint32_t number)
{
	return number < ledger->count ? ledger->entries[number].visible_at : 0;
}

void
ledger_latest(Ledger *ledger, uint32_t driver, int64_t version)
{
	if (driver < ledger->driver_count)
		ledger->drivers[driver].latest = version;
	else
		ledger->strangers++;
}

void
ledger_stranger(Ledger *ledger)
{
	ledger->strangers++;
}

static void
classify_accepted(const LedgerEntry *entry, bool quiet, LedgerTotals *totals)
{
	totals->accepted++;
	if (entry->target_rows > 0)
		totals->accepted_in_target++;
	else if (entry->stored && !quiet)
		totals->pending++;
	else
		totals->lost++;
}

static void
classify(const LedgerEntry *entry, bool quiet, LedgerTotals *totals)
{
	switch (entry->outcome)
	{
		case OUTCOME_ACCEPTED:
			classify_accepted(entry, quiet, totals);
			break;
		case OUTCOME_REJECTED:
			totals->rejected++;
			break;
		case OUTCOME_UNKNOWN:
			totals->unknown++;
			if (entry->stored)
				totals->unknown_stored++;
			if (entry->stored && entry->target_rows == 0 && quiet)
				totals->unknown_missing++;
			break;
		case OUTCOME_NONE:
			if (entry->offered)
				totals->open++;
			break;
	}
	if (entry->offered)
		totals->offered++;
	if (entry->stored)
		totals->durable++;
	if (entry->target_rows > 0)
	{
		totals->in_target++;
		totals->duplicates += entry->target_rows - 1;
	}
	if ((entry->stored || entry->target_rows > 0) &&
		(entry->outcome == OUTCOME_REJECTED || !entry->offered))
		totals->invented++;
	else if (entry->target_rows > 0 && !entry->stored)
		totals->invented++;
}

void
ledger_close(const Ledger *ledger, bool quiet, LedgerTotals *totals)
{
	*totals = (LedgerTotals){.invented = ledger->strangers, .order_violations = ledger->backward};
	for (uint32_t i = 0; i < ledger->count; i++)
		classify(&ledger->entries[i], quiet, totals);
	for (uint32_t i = 0; i < ledger->driver_count; i++)
	{
		if (ledger->drivers[i].latest != ledger->drivers[i].highest)
			totals->order_violations++;
	}
	totals->closes =
		totals->open == 0 &&
		totals->offered == totals->accepted + totals->rejected + totals->unknown &&
		totals->accepted == totals->accepted_in_target + totals->pending + totals->lost;
}

bool
ledger_is_clean(const LedgerTotals *totals)
{
	return totals->closes && totals->pending == 0 && totals->lost == 0 &&
		   totals->unknown_missing == 0 && totals->duplicates == 0 &&
		   totals->order_violations == 0 && totals->invented == 0;
}
