/*
 * backfill.c
 *	  The rows that were in outbox.event before the slot.
 *
 * Refuses nothing: a row that is no event goes on with its problem, as in the stream.
 *
 * Invariants: partitions in the order they were written, rows in the order of
 * their TIDs, a bounded range of blocks a statement; a row that can't go is held,
 * and none is fetched until it has gone.
 */
#include "backfill.h"

#include "exit_codes.h"
#include "failpoint.h"
#include "pg_row.h"

#include <string.h>

#define LEAVES 3
#define BLOCKS_PER_STATEMENT 64
#define RANK_SHIFT 48
#define BLOCK_SHIFT 16

PgLsn
backfill_commit_lsn(const RelayFacts *facts)
{
	return facts->start_lsn - 1;
}

uint64_t
backfill_ordinal(unsigned rank, uint32_t block, uint16_t offset)
{
	return (uint64_t) rank << RANK_SHIFT | (uint64_t) block << BLOCK_SHIFT | offset;
}

Position
backfill_origin(uint32_t generation, uint32_t timeline, PgLsn start_lsn, unsigned oldest)
{
	return (Position){generation, timeline, start_lsn - 1, backfill_ordinal(oldest, 0, 0)};
}

static PumpVerdict
queued(bool ok, Error *error)
{
	if (ok)
		return PUMP_MORE;
	error_bug(error, "could not queue a statement");
	return PUMP_STOP;
}

PumpVerdict
backfill_start(Backfill *backfill, PgRegistry *registry, const RelayFacts *facts,
			   const TimelineHistory *timelines, Pump *pump, Error *error)
{
	char source_id[SOURCE_ID_MAX + 1];
	Position origin;
	PumpVerdict verdict;

	*backfill = (Backfill){.registry = registry, .end_lsn = facts->start_lsn};
	backfill->position.generation = facts->generation;
	backfill->position.commit_lsn = backfill_commit_lsn(facts);
	backfill->position.timeline = timeline_of(timelines, backfill->position.commit_lsn);
	if (!position_parse(facts->last_position, strlen(facts->last_position), source_id, &origin) ||
		origin.ordinal >> RANK_SHIFT >= LEAVES)
	{
		error_permanent(error, EXIT_NOT_INITIALIZED,
						"the registration doesn't say where the backfill starts");
		error_hint(error, "Remove it and its slot, then run outbox-relay init again.");
		return PUMP_STOP;
	}
	backfill->oldest = backfill->rank = (unsigned) (origin.ordinal >> RANK_SHIFT);
	verdict = pump_begin(pump, backfill->position.commit_lsn, 0, error);
	if (verdict != PUMP_MORE)
		return verdict;
	return queued(registry_ask_leaf_size(registry, backfill->rank % LEAVES), error);
}

static PumpVerdict
ask_for_more(Backfill *backfill, Pump *pump, Error *error)
{
	PumpVerdict verdict;

	if (backfill->next_block < backfill->blocks)
	{
		uint32_t from = backfill->next_block;
		uint32_t left = backfill->blocks - from;

		backfill->next_block += left < BLOCKS_PER_STATEMENT ? left : BLOCKS_PER_STATEMENT;
		return queued(registry_read_leaf(backfill->registry, backfill->rank % LEAVES, from, 0,
										 backfill->next_block),
					  error);
	}
	if (++backfill->rank < backfill->oldest + LEAVES)
		return queued(registry_ask_leaf_size(backfill->registry, backfill->rank % LEAVES), error);
	verdict = pump_commit(pump, backfill->end_lsn, error);
	backfill->published = verdict == PUMP_MORE;
	return verdict;
}

PumpVerdict
backfill_retry(Backfill *backfill, Pump *pump, EventSink *sink, Error *error)
{
	PumpVerdict verdict = pump_publish(pump, &backfill->event, sink, error);

	backfill->held = verdict == PUMP_HELD;
	backfill->again = verdict == PUMP_TOPIC || verdict == PUMP_POISON;
	if (verdict == PUMP_MORE)
		backfill->rows++;
	return verdict;
}

PumpVerdict
backfill_go_on(Backfill *backfill, Error *error)
{
	if (!backfill->again_due)
		return PUMP_MORE;
	backfill->again = backfill->again_due = false;
	return queued(registry_read_leaf(backfill->registry, backfill->rank % LEAVES,
									 backfill->again_block, backfill->again_offset,
									 backfill->next_block),
				  error);
}

/* As the assembler does it with rows of the stream. */
static void
judge_row(Backfill *backfill, const StoredRow *row)
{
	OutboxEvent *event = &backfill->event;
	const char *what = pg_row_problem(row);

	if (what == NULL)
		return;
	error_permanent(&backfill->problem, EXIT_POISON, "a row of outbox.event is no event: %s", what);
	event->problem = &backfill->problem;
}

PumpVerdict
backfill_take(Backfill *backfill, const RegistryReply *reply, Pump *pump, EventSink *sink,
			  Error *error)
{
	const StoredRow *row = reply->u.row;
	OutboxEvent *event = &backfill->event;

	if (reply->failed)
	{
		*error = reply->error;
		return error->error_class == ERROR_CLASS_TRANSIENT ? PUMP_SOURCE_LOST : PUMP_STOP;
	}
	if (reply->job == REGISTRY_LEAF_SIZE)
	{
		backfill->blocks = reply->u.blocks;
		backfill->next_block = 0;
		return ask_for_more(backfill, pump, error);
	}
	if (backfill->again)
	{
		/* The statement must end before another one can tell of the topic. */
		backfill->again_due = row == NULL;
		return PUMP_MORE;
	}
	if (row == NULL)
		return ask_for_more(backfill, pump, error);
	if (FAILPOINT_ERROR("row-fetched", error))
		return PUMP_SOURCE_LOST;

	*event = pg_row_event(row);
	event->position = backfill->position;
	event->commit_time = row->created_at;
	backfill->again_block = row->block;
	backfill->again_offset = row->offset;
	event->position.ordinal = backfill_ordinal(backfill->rank, row->block, row->offset);
	judge_row(backfill, row);
	return backfill_retry(backfill, pump, sink, error);
}
