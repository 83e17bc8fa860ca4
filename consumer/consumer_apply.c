/*
 * consumer_apply.c
 *	  A part of the batch becomes a transaction, and what follows from its end.
 *
 * Invariants: a transaction moves each partition that it has records of, from
 * what the target had to behind its last record, repetitions included; offsets
 * are stored in Kafka only after COMMIT; after a failure the records stay at the
 * front of the batch.
 */
#include "consumer_intern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"

#define LOG_INTERVAL_USEC (10 * USEC_PER_SEC)

/* -------------------------------------------------------------------------
 * building
 * ------------------------------------------------------------------------- */

static bool
make_room(Consumer *consumer, size_t positions)
{
	size_t slots = (size_t) consumer->partitions.count;

	if (consumer->move_room < slots)
	{
		free(consumer->moves);
		free(consumer->move_slots);
		consumer->moves = calloc(slots, sizeof(*consumer->moves));
		consumer->move_slots = calloc(slots, sizeof(*consumer->move_slots));
		consumer->move_room = slots;
		if (consumer->moves == NULL || consumer->move_slots == NULL)
		{
			consumer->move_room = 0;
			return false;
		}
	}
	if (consumer->position_room < positions)
	{
		size_t room = positions * 2;
		MovedPosition *moved = realloc(consumer->moved, room * sizeof(*moved));
		TargetPosition *items;

		if (moved == NULL)
			return false;
		consumer->moved = moved;
		items = realloc(consumer->positions, room * sizeof(*items));
		if (items == NULL)
			return false;
		consumer->positions = items;
		consumer->position_room = room;
	}
	return true;
}

/* The record is above what its source had before: only the last one counts. */
static bool
move_position(Consumer *consumer, const BatchRecord *record)
{
	MovedPosition *moved;

	for (size_t i = consumer->position_count; i-- > 0;)
	{
		moved = &consumer->moved[i];
		if (moved->slot == record->slot &&
			strlen(moved->source.source_id) == record->source_id.len &&
			memcmp(moved->source.source_id, record->source_id.data, record->source_id.len) == 0)
		{
			moved->source.position = record->position;
			return true;
		}
	}
	if (!make_room(consumer, consumer->position_count + 1))
		return false;
	moved = &consumer->moved[consumer->position_count++];
	moved->slot = record->slot;
	snprintf(moved->source.source_id, sizeof(moved->source.source_id), "%.*s",
			 (int) record->source_id.len, (const char *) record->source_id.data);
	moved->source.position = record->position;
	return true;
}

static void
move_partition(Consumer *consumer, const BatchRecord *record)
{
	Partition *partition = &consumer->partitions.items[record->slot];
	TargetMove *move;

	if (partition->move < 0)
	{
		partition->move = (int) consumer->move_count;
		consumer->moves[consumer->move_count++] = (TargetMove){
			.topic = partition->topic,
			.partition = partition->partition,
			.expected_next = partition->next_offset,
		};
	}
	move = &consumer->moves[partition->move];
	move->new_next = record->offset + 1;
	move->last_offset = record->offset;
	move->last_timestamp_ms = record->timestamp_ms;
	move->last_id = record->id;
}

static int
compare_moves(const void *a, const void *b)
{
	const TargetMove *left = a;
	const TargetMove *right = b;
	int order = strcmp(left->topic, right->topic);

	if (order != 0)
		return order;
	return (left->partition > right->partition) - (left->partition < right->partition);
}

static bool
build_moves(Consumer *consumer, size_t count)
{
	const Batch *batch = consumer->applying;

	consumer->move_count = 0;
	consumer->position_count = 0;
	if (!make_room(consumer, 1))
		return false;
	for (int slot = 0; slot < consumer->partitions.count; slot++)
		consumer->partitions.items[slot].move = -1;
	for (size_t i = batch->head; i < batch->head + count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (record->dropped)
			continue;
		move_partition(consumer, record);
		if (record->has_position && !record->repeated && !move_position(consumer, record))
			return false;
	}
	/* Rows are locked in one order by everybody. */
	qsort(consumer->moves, consumer->move_count, sizeof(*consumer->moves), compare_moves);
	for (size_t i = 0; i < consumer->move_count; i++)
		consumer->move_slots[i] = partitions_find(&consumer->partitions, consumer->moves[i].topic,
												  consumer->moves[i].partition);
	for (size_t i = 0; i < consumer->position_count; i++)
	{
		const MovedPosition *moved = &consumer->moved[i];
		const Partition *partition = &consumer->partitions.items[moved->slot];

		consumer->positions[i] = (TargetPosition){.topic = partition->topic,
												  .partition = partition->partition,
												  .source_id = moved->source.source_id,
												  .position = moved->source.position};
	}
	return true;
}

static TargetPlace
place_of(int slot, void *arg)
{
	const Consumer *consumer = arg;
	const Partition *partition = &consumer->partitions.items[slot];

	return (TargetPlace){partition->topic, partition->partition};
}

bool
consumer_request_apply(Consumer *consumer, size_t count, TargetFailure *failure)
{
	TargetApply apply = {
		.batch = consumer->applying, .count = count, .place = place_of, .arg = consumer};

	consumer->request_count = count;
	if (!build_moves(consumer, count))
	{
		error_bug(&consumer->failure, "out of memory");
		consumer->move_count = 0;
		return true;
	}
	/* All of it was dropped: nothing to say to the target. */
	if (consumer->move_count == 0)
		return true;
	apply.moves = consumer->moves;
	apply.move_count = consumer->move_count;
	apply.positions = consumer->positions;
	apply.position_count = consumer->position_count;
	apply.letter = consumer_letter_row(consumer);
	return consumer->target->methods->apply(consumer->target, &apply, consumer->now, failure);
}

/* -------------------------------------------------------------------------
 * success
 * ------------------------------------------------------------------------- */

/* The oldest event of each partition that waits; where none does, -1. */
static void
note_waiting(Consumer *consumer)
{
	for (int slot = 0; slot < consumer->partitions.count; slot++)
		consumer->partitions.items[slot].waiting_since_ms = -1;
	for (int i = 0; i < 2; i++)
	{
		const Batch *batch = i == 0 ? consumer->applying : consumer->filling;

		for (size_t n = batch->head; n < batch->count; n++)
		{
			const BatchRecord *record = &batch->records[n];
			Partition *partition = &consumer->partitions.items[record->slot];

			if (!record->dropped && partition->waiting_since_ms < 0)
				partition->waiting_since_ms = record->timestamp_ms;
		}
	}
}

/* Of an event whose time isn't known nothing is said; clocks that differ don't count below 0. */
static void
observe_event(Stats *stats, const BatchRecord *record, int64_t wall_ms)
{
	int64_t age_ms = wall_ms > record->timestamp_ms ? wall_ms - record->timestamp_ms : 0;

	if (record->timestamp_ms >= 0)
		histogram_observe(&stats->event_seconds, (double) age_ms / 1000.0);
}

static void
count_applied(Consumer *consumer, size_t count)
{
	const Batch *batch = consumer->applying;
	Stats *stats = &consumer->stats;
	int64_t wall_ms = clock_wall() / USEC_PER_MS;

	for (size_t i = batch->head; i < batch->head + count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (record->dropped)
			continue;
		if (record->repeated || record->known)
		{
			stats->duplicates++;
			stats->known += record->known;
		}
		else if (!record->dead)
		{
			stats->applied++;
			observe_event(stats, record, wall_ms);
		}
	}
}

void
consumer_settle(Consumer *consumer)
{
	Stats *stats = &consumer->stats;
	int64_t took = consumer->now - consumer->request_at;

	consumer->places.count = 0;
	for (size_t i = 0; i < consumer->move_count; i++)
	{
		const TargetMove *move = &consumer->moves[i];
		Partition *partition = &consumer->partitions.items[consumer->move_slots[i]];

		partition->next_offset = move->new_next;
		partition->last_offset = move->last_offset;
		partition->last_timestamp_ms = move->last_timestamp_ms;
		snprintf(partition->last_id, sizeof(partition->last_id), "%s", move->last_id);
		partition->unknown_next = -1;
		/* It ends there or further on, as the lag's next look will tell. */
		if (partition->end < move->new_next)
			partition->end = move->new_next;
		if (!places_add(&consumer->places, partition->topic, partition->partition, move->new_next))
			error_bug(&consumer->failure, "out of memory");
	}
	if (consumer->places.count > 0)
	{
		consumer->inbox->methods->store(consumer->inbox, consumer->places.items,
										consumer->places.count);
		stats->batches++;
		histogram_observe(&stats->batch_records, (double) consumer->request_count);
		histogram_observe(&stats->batch_seconds, (double) took / USEC_PER_SEC);
		breaker_succeeded(&consumer->breaker, consumer->now, took, &consumer->random);
		backoff_reset(&consumer->reconnect);
	}
	count_applied(consumer, consumer->request_count);
	consumer_letter_settled(consumer);
	retry_succeeded(&consumer->retry);
	sizer_succeeded(&consumer->sizer, consumer->request_count, took);
	batch_take(consumer->applying, consumer->request_count);
	note_waiting(consumer);
}

/* -------------------------------------------------------------------------
 * failure
 * ------------------------------------------------------------------------- */

static void
log_failure(Consumer *consumer, const TargetFailure *failure)
{
	unsigned long suppressed;
	char count[24];

	if (!log_limit_pass(&consumer->target_limit, consumer->now, LOG_INTERVAL_USEC, &suppressed))
		return;
	snprintf(count, sizeof(count), "%lu", suppressed);
	log_error(LOG_LEVEL_WARNING, &failure->error, "failure", failure_class_name(failure->failure),
			  "breaker", breaker_state_name(consumer->breaker.state), "suppressed",
			  suppressed > 0 ? count : NULL, NULL);
}

static void
infrastructure_failed(Consumer *consumer, const TargetFailure *failure)
{
	snprintf(consumer->last_error, sizeof(consumer->last_error), "%s", failure->error.message);
	breaker_failed(&consumer->breaker, consumer->now, consumer->now - consumer->request_at,
				   &consumer->random);
}

/* Any request, or the connection itself. */
void
consumer_target_failed(Consumer *consumer, const TargetFailure *failure)
{
	consumer->stats.failures[failure->failure]++;
	if (failure->error.error_class == ERROR_CLASS_BUG || failure->failure == FAILURE_CONFIGURATION)
	{
		consumer_fail(consumer, &failure->error);
		return;
	}
	log_failure(consumer, failure);
	infrastructure_failed(consumer, failure);
	(void) retry_failed(&consumer->retry, consumer->now, &consumer->random);
	if (failure->lost)
		consumer->connect_at = backoff_next(&consumer->reconnect, consumer->now, &consumer->random);
}

/* The inbox doesn't know whether it was applied: neither a dead letter nor a handler settles that. */
static bool
cannot_be_judged(const TargetFailure *failure)
{
	return strncmp(failure->error.sqlstate, "OBX", 3) == 0;
}

static void
stop_at_culprit(Consumer *consumer, const TargetFailure *failure)
{
	const BatchRecord *record = &consumer->applying->records[consumer->applying->head];
	const Partition *partition = &consumer->partitions.items[record->slot];
	Error error;

	error_clear(&error);
	error_permanent(&error, EXIT_DATA,
					"event of topic \"%s\", partition %d, offset %lld, id %s can't be applied: %s",
					partition->topic, partition->partition, (long long) record->offset,
					record->id[0] != '\0' ? record->id : "(none)", failure->error.message);
	snprintf(error.sqlstate, sizeof(error.sqlstate), "%s", failure->error.sqlstate);
	if (cannot_be_judged(failure))
		error_hint(&error, "%s", failure->error.hint);
	else
		error_hint(&error,
				   "All events before it are applied. Mend the handler or the target and start "
				   "again, or give the handler \"on_error = dead-letter\".");
	consumer_fail(consumer, &error);
}

/* A row that is missing may come yet, with another partition or from somebody else. */
static bool
retries_foreign_key(Consumer *consumer, const TargetFailure *failure)
{
	int topic = consumer->applying->records[consumer->applying->head].topic;
	bool wanted = false;

	if (strcmp(failure->error.sqlstate, "23503") != 0)
		return false;
	for (int i = 0; i < consumer->handlers->count; i++)
	{
		const Handler *handler = &consumer->handlers->items[i];

		/* At COMMIT the server doesn't tell whose it is. */
		if (failure->handler == i || (failure->handler < 0 && handler->takes[topic]))
			wanted |= handler->retries_foreign_key;
	}
	return wanted &&
		   retry_failed(&consumer->retry, consumer->now, &consumer->random) == RETRY_LATER;
}

void
consumer_apply_failed(Consumer *consumer, const TargetFailure *failure)
{
	if (failure->timed_out)
		sizer_timed_out(&consumer->sizer);
	/* Whatever it was: when COMMIT may have come through, the progress says so. */
	for (size_t i = 0; i < consumer->move_count; i++)
	{
		Partition *partition = &consumer->partitions.items[consumer->move_slots[i]];

		/* Attempts may differ in size; any of them may be the one that comes through. */
		if (failure->unknown && consumer->moves[i].new_next > partition->unknown_next)
			partition->unknown_next = consumer->moves[i].new_next;
		if (failure->unknown || failure->failure == FAILURE_FENCED)
			partition->stale = true;
	}
	switch (failure->failure)
	{
		case FAILURE_DATA:
			consumer->stats.failures[failure->failure]++;
			if (!sizer_data_error(&consumer->sizer, consumer->request_count))
				break;
			if (cannot_be_judged(failure) || (!retries_foreign_key(consumer, failure) &&
											  !consumer_letter_begin(consumer, failure)))
				stop_at_culprit(consumer, failure);
			break;
		case FAILURE_FENCED:
			/* Most likely the progress, read again, ends it; if not, it isn't tried in a hurry. */
		case FAILURE_TRANSIENT:
			consumer->stats.failures[failure->failure]++;
			if (retry_failed(&consumer->retry, consumer->now, &consumer->random) == RETRY_EXHAUSTED)
			{
				log_failure(consumer, failure);
				infrastructure_failed(consumer, failure);
			}
			break;
		default:
			consumer_target_failed(consumer, failure);
			break;
	}
}
