/*
 * consumer_database.c
 *	  The target database of the simulation.
 *
 * A transaction is done as a whole, as if alone, when its COMMIT arrives: it holds the rows of its
 * progress from its begin on, so that two of one partition come one after the other anyway.
 *
 * Invariants: C1 to C3 of consumer_world.h are asked here, of what is committed.
 */
#include "consumer_world.h"

#include <stdio.h>
#include <string.h>

static bool
is_where_expected(const TargetMove *move)
{
	const Applied *applied = &land->database.partitions[move->partition];

	return (applied->found ? applied->next : -1) == move->expected_next;
}

static const LogRecord *
record_of(const Taken *taken)
{
	const LogPartition *log = &land->logs[taken->partition];
	int i = find_record(taken->partition, taken->offset);

	SIM_CHECK(i < log->count && log->records[i].offset == taken->offset,
			  "C1: offset %lld of partition %d isn't there", (long long) taken->offset,
			  taken->partition);
	return &log->records[i];
}

/* The claim: whether its id is that of an event that was applied. */
static bool
is_known(const Taken *taken)
{
	return taken->by_id && !taken->dead &&
		   land->database.partitions[taken->partition].fate[record_of(taken)->event] == 'a';
}

static bool
runs(const Taken *taken)
{
	return !taken->repeated && !taken->dead && !is_known(taken);
}

/* C1: nothing is left out between the progress and where it moves to. */
static void
check_records(const Transaction *transaction, const TargetMove *move)
{
	const LogPartition *log = &land->logs[move->partition];
	int next = find_record(move->partition, move->expected_next < 0 ? 0 : move->expected_next);
	int64_t last = -1;

	for (size_t i = 0; i < transaction->count; i++)
	{
		const Taken *taken = &transaction->records[i];

		if (taken->partition != move->partition)
			continue;
		SIM_CHECK(next < log->count && log->records[next].offset == taken->offset,
				  "C1: partition %d: offset %lld is taken where %lld comes next", move->partition,
				  (long long) taken->offset,
				  (long long) (next < log->count ? log->records[next].offset : log->end));
		last = taken->offset;
		next++;
	}
	SIM_CHECK(last >= 0 && move->new_next == last + 1 && move->last_offset == last,
			  "C1: partition %d moves to %lld, its last record is at %lld", move->partition,
			  (long long) move->new_next, (long long) last);
}

/* C3 */
static void
bury(const Transaction *transaction, const Taken *taken, const LogRecord *record)
{
	const LogPartition *log = &land->logs[taken->partition];

	SIM_CHECK(log->bad[record->event],
			  "C3: event %d of partition %d is a dead letter, and could be applied", record->event,
			  taken->partition);
	SIM_CHECK(transaction->has_letter && transaction->letter_partition == taken->partition &&
				  transaction->letter_offset == taken->offset,
			  "C3: offset %lld of partition %d is a dead letter without a row",
			  (long long) taken->offset, taken->partition);
	SIM_CHECK(transaction->letter_in_row ||
				  (transaction->letter_in_topic && log->stored[record - log->records]),
			  "C3: the record of offset %lld of partition %d isn't kept", (long long) taken->offset,
			  taken->partition);
	land->counts->given_up++;
}

/* C2 */
static void
take(const Transaction *transaction, const Taken *taken)
{
	const LogRecord *record = record_of(taken);
	Applied *applied = &land->database.partitions[taken->partition];
	uint8_t *fate = &applied->fate[record->event];

	if (taken->repeated)
	{
		SIM_CHECK(*fate != 0, "C2: event %d of partition %d is taken for a repetition",
				  record->event, taken->partition);
		land->counts->repeated++;
		return;
	}
	if (taken->dead)
	{
		bury(transaction, taken, record);
		*fate = 'd';
	}
	else if (is_known(taken))
	{
		land->counts->repeated++;
		return;
	}
	else
	{
		SIM_CHECK(*fate != 'a', "C2: event %d of partition %d is applied twice", record->event,
				  taken->partition);
		*fate = 'a';
	}
	if (record->kind != RECORD_BY_POSITION)
		return;
	for (int i = applied->highest + 1; i < record->event; i++)
		SIM_CHECK(land->logs[taken->partition].by_id[i] || applied->fate[i] != 0,
				  "C2: partition %d: event %d is applied before event %d", taken->partition,
				  record->event, i);
	SIM_CHECK(record->event > applied->highest, "C2: partition %d: event %d comes after event %d",
			  taken->partition, record->event, applied->highest);
	applied->highest = record->event;
}

static void
move_progress(const TargetMove *move)
{
	Applied *applied = &land->database.partitions[move->partition];

	applied->found = true;
	applied->next = move->new_next;
	applied->last_offset = move->last_offset;
	applied->last_timestamp_ms = move->last_timestamp_ms;
	applied->moved_at_ms = clock_wall() / USEC_PER_MS;
	snprintf(applied->last_id, sizeof(applied->last_id), "%s", move->last_id);
}

static void
move_position(const TargetPosition *position)
{
	Applied *applied = &land->database.partitions[position->partition];
	Position highest = event_position(applied->highest);

	SIM_CHECK(position_compare(&position->position, &highest) == 0,
			  "C2: partition %d: the position isn't that of event %d", position->partition,
			  applied->highest);
	applied->has_position = true;
	applied->position = position->position;
}

Verdict
database_run(Transaction *transaction, bool tells_known)
{
	for (size_t i = 0; i < transaction->move_count; i++)
	{
		if (!is_where_expected(&transaction->moves[i]))
			return VERDICT_FENCED;
	}
	for (size_t i = 0; tells_known && i < transaction->count; i++)
	{
		if (transaction->records[i].by_id && !transaction->records[i].dead)
			transaction->records[i].record->known = is_known(&transaction->records[i]);
	}
	for (size_t i = 0; i < transaction->count; i++)
	{
		const Taken *taken = &transaction->records[i];

		if (runs(taken) && land->logs[taken->partition].bad[record_of(taken)->event])
			return VERDICT_BAD;
	}
	for (size_t i = 0; i < transaction->move_count; i++)
		check_records(transaction, &transaction->moves[i]);
	for (size_t i = 0; i < transaction->count; i++)
		take(transaction, &transaction->records[i]);
	for (size_t i = 0; i < transaction->move_count; i++)
		move_progress(&transaction->moves[i]);
	for (size_t i = 0; i < transaction->position_count; i++)
		move_position(&transaction->positions[i]);
	/* A standby gets it at once, or with what comes later. */
	if (sim_chance(70))
		land->standby = land->database;
	SIM_TRACE("database: %zu records, partition %d to %lld", transaction->count,
			  transaction->moves[0].partition, (long long) transaction->moves[0].new_next);
	return VERDICT_COMMITTED;
}

bool
database_has_all(void)
{
	for (int i = 0; i < PARTITIONS; i++)
	{
		const LogPartition *log = &land->logs[i];
		const Applied *applied = &land->database.partitions[i];

		if (log->count > 0 &&
			(!applied->found || applied->next <= log->records[log->count - 1].offset))
			return false;
	}
	return true;
}

static void
come_back(void *object)
{
	(void) object;
	land->up = true;
	SIM_TRACE("database: up, life %u", land->life);
}

/* Or a crash: then nothing is missing. */
void
database_fail_over(void)
{
	bool lacks = sim_chance(40);

	if (!land->up)
		return;
	land->up = false;
	land->life++;
	if (lacks)
		land->database = land->standby;
	SIM_TRACE("database: %s", lacks ? "a standby takes over" : "crash");
	sim_after(sim_between(5, 2500) * USEC_PER_MS, come_back, NULL);
}
