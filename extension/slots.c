/*
 * slots.c
 *	  What shared memory says about the replication slots of this database.
 *
 * No table is read: a look costs less than the event that it is made for.  The lag of a
 * slot is the WAL between the position that its relay confirmed and the end of the WAL.
 * A slot that isn't there, or that has lost WAL, is behind by more than any limit:
 * what is written now doesn't reach its relay.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "pg_outbox.h"
#include "slots.h"

#define WARNING_INTERVAL_MS (10 * 1000)

/* The slot that is farthest behind, of those that were looked at. */
typedef struct Laggard
{
	NameData slot; /* or the pattern that nothing matches */
	bool missing;
	bool lost;
	uint64 lag;
} Laggard;

/* With ReplicationSlotControlLock held.  false: it has lost WAL. */
static bool
read_confirmed(ReplicationSlot *slot, XLogRecPtr *confirmed)
{
	bool lost;

	SpinLockAcquire(&slot->mutex);
	*confirmed = slot->data.confirmed_flush;
	lost = outbox_slot_is_lost(slot);
	SpinLockRelease(&slot->mutex);
	return !lost;
}

/* With ReplicationSlotControlLock held. */
static bool
is_ours(const ReplicationSlot *slot)
{
	return slot->in_use && slot->data.database == MyDatabaseId;
}

/* With ReplicationSlotControlLock held: is the slot at this place one of these, with its WAL? */
static bool
is_alive(int place, const NameData *names, int count)
{
	ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[place];
	XLogRecPtr confirmed;

	if (!is_ours(slot))
		return false;
	for (int n = 0; n < count; n++)
		if (strcmp(NameStr(slot->data.name), NameStr(names[n])) == 0)
			return read_confirmed(slot, &confirmed);
	return false;
}

bool
outbox_any_slot_alive(const NameData *names, int count)
{
	static int found_at = 0; /* where one was the last time */
	bool alive;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	alive = found_at < max_replication_slots && is_alive(found_at, names, count);
	for (int place = 0; place < max_replication_slots && !alive; place++)
	{
		alive = is_alive(place, names, count);
		found_at = place;
	}
	LWLockRelease(ReplicationSlotControlLock);
	return alive;
}

/* "*" stands for any characters, also none. */
static bool
matches(const char *pattern, int len, const char *name)
{
	const char *resume = NULL;
	int star = -1;
	int at = 0;

	while (*name != '\0')
	{
		if (at < len && pattern[at] == '*')
		{
			star = at++;
			resume = name;
		}
		else if (at < len && pattern[at] == *name)
		{
			at++;
			name++;
		}
		else if (star >= 0)
		{
			at = star + 1;
			name = ++resume;
		}
		else
			return false;
	}
	while (at < len && pattern[at] == '*')
		at++;
	return at == len;
}

static bool
is_worse(const Laggard *a, const Laggard *b)
{
	bool a_gone = a->missing || a->lost;
	bool b_gone = b->missing || b->lost;

	return a_gone != b_gone ? a_gone : a->lag > b->lag;
}

/* With ReplicationSlotControlLock held: what matches one pattern. */
static Laggard
look_at(const char *pattern, int len, XLogRecPtr end)
{
	Laggard worst = {.missing = true};
	bool found = false;

	for (int i = 0; i < max_replication_slots; i++)
	{
		ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];
		XLogRecPtr confirmed;
		Laggard one = {0};

		if (!is_ours(slot) || !matches(pattern, len, NameStr(slot->data.name)))
			continue;
		one.slot = slot->data.name;
		one.lost = !read_confirmed(slot, &confirmed);
		one.lag = end > confirmed ? end - confirmed : 0;
		if (!found || is_worse(&one, &worst))
			worst = one;
		found = true;
	}
	if (!found)
		memcpy(NameStr(worst.slot), pattern, Min(len, NAMEDATALEN - 1));
	return worst;
}

static Laggard
find_laggard(void)
{
	const char *list = outbox_slots;
	XLogRecPtr end = GetXLogInsertRecPtr();
	Laggard worst = {0};
	const char *pattern;
	int len;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	while (outbox_next_name(&list, &pattern, &len))
	{
		Laggard one = look_at(pattern, len, end);

		if (is_worse(&one, &worst))
			worst = one;
	}
	LWLockRelease(ReplicationSlotControlLock);
	return worst;
}

static void
say(int level, const Laggard *worst)
{
	if (worst->missing)
		ereport(level,
				(errcode(OUTBOX_ERRCODE_LAG), errmsg("the outbox is not being read"),
				 errdetail("No replication slot of this database matches \"%s\" (pg_outbox.slots).",
						   NameStr(worst->slot)),
				 errhint("Run outbox-relay init, or mend pg_outbox.slots. "
						 "pg_outbox.backpressure decides what becomes of events meanwhile.")));
	else if (worst->lost)
		ereport(level, (errcode(OUTBOX_ERRCODE_LAG), errmsg("the outbox is not being read"),
						errdetail("The replication slot \"%s\" has lost WAL that it needs.",
								  NameStr(worst->slot)),
						errhint("Run outbox-relay init --accept-gap. pg_outbox.backpressure "
								"decides what becomes of events meanwhile.")));
	else
		ereport(level,
				(errcode(OUTBOX_ERRCODE_LAG), errmsg("the outbox is too far behind"),
				 errdetail("The replication slot \"%s\" is " UINT64_FORMAT
						   " kB behind, the limit is %d kB (pg_outbox.max_lag).",
						   NameStr(worst->slot), worst->lag / 1024, outbox_max_lag_kb),
				 errhint("Try again when the relay has caught up: outbox.status shows it. "
						 "pg_outbox.backpressure decides what becomes of events meanwhile.")));
}

void
outbox_check_backpressure(void)
{
	static TimestampTz warned_at = 0;
	Laggard worst;
	TimestampTz now;

	if (outbox_backpressure == OUTBOX_BACKPRESSURE_OFF)
		return;
	worst = find_laggard();
	if (!worst.missing && !worst.lost && worst.lag <= (uint64) outbox_max_lag_kb * 1024)
		return;
	if (outbox_backpressure == OUTBOX_BACKPRESSURE_ERROR)
		say(ERROR, &worst);
	now = GetCurrentTimestamp();
	if (warned_at != 0 && !TimestampDifferenceExceeds(warned_at, now, WARNING_INTERVAL_MS))
		return;
	warned_at = now;
	say(WARNING, &worst);
}
