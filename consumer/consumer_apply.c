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
#include "failpoint.h"

#define LOG_INTERVAL_USEC (10 * USEC_PER_SEC)
#define KNOWN_LOG_USEC (60 * USEC_PER_SEC)

/* -------------------------------------------------------------------------
 * building
 * ------------------------------------------------------------------------- */

static bool
make_room(Lane *lane, size_t positions)
{
	size_t slots = (size_t) lane->consumer->partitions.count;

	if (lane->move_room < slots)
	{
		free(lane->moves);
		free(lane->move_slots);
		lane->moves = calloc(slots, sizeof(*lane->moves));
		lane->move_slots = calloc(slots, sizeof(*lane->move_slots));
		lane->move_room = slots;
		if (lane->moves == NULL || lane->move_slots == NULL)
		{
			lane->move_room = 0;
			return false;
		}
	}
	if (lane->position_room < positions)
	{
		size_t room = positions * 2;
		MovedPosition *moved = realloc(lane->moved, room * sizeof(*moved));
		TargetPosition *items;

		if (moved == NULL)
			return false;
		lane->moved = moved;
		items = realloc(lane->positions, room * sizeof(*items));
		if (items == NULL)
			return false;
		lane->positions = items;
		lane->position_room = room;
	}
	return true;
}

/* The record is above what its source had before: only the last one counts. */
static bool
move_position(Lane *lane, const BatchRecord *record)
{
	MovedPosition *moved;

	for (size_t i = lane->position_count; i-- > 0;)
	{
		moved = &lane->moved[i];
		if (moved->slot == record->slot &&
			strlen(moved->source.source_id) == record->source_id.len &&
			memcmp(moved->source.source_id, record->source_id.data, record->source_id.len) == 0)
		{
			moved->source.position = record->position;
			return true;
		}
	}
	if (!make_room(lane, lane->position_count + 1))
		return false;
	moved = &lane->moved[lane->position_count++];
	moved->slot = record->slot;
	snprintf(moved->source.source_id, sizeof(moved->source.source_id), "%.*s",
			 (int) record->source_id.len, (const char *) record->source_id.data);
	moved->source.position = record->position;
	return true;
}

static void
move_partition(Lane *lane, const BatchRecord *record)
{
	Partition *partition = &lane->consumer->partitions.items[record->slot];
	TargetMove *move;

	if (partition->move < 0)
	{
		partition->move = (int) lane->move_count;
		lane->moves[lane->move_count++] = (TargetMove){
			.topic = partition->topic,
			.partition = partition->partition,
			.expected_next = partition->next_offset,
		};
	}
	move = &lane->moves[partition->move];
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
build_moves(Lane *lane, size_t count)
{
	Consumer *consumer = lane->consumer;
	const Batch *batch = lane->applying;

	lane->move_count = 0;
	lane->position_count = 0;
	if (!make_room(lane, 1))
		return false;
	for (int slot = 0; slot < consumer->partitions.count; slot++)
		consumer->partitions.items[slot].move = -1;
	for (size_t i = batch->head; i < batch->head + count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (record->dropped)
			continue;
		move_partition(lane, record);
		if (record->has_position && !record->repeated && !move_position(lane, record))
			return false;
	}
	/* Rows are locked in one order by everybody. */
	qsort(lane->moves, lane->move_count, sizeof(*lane->moves), compare_moves);
	for (size_t i = 0; i < lane->move_count; i++)
		lane->move_slots[i] =
			partitions_find(&consumer->partitions, lane->moves[i].topic, lane->moves[i].partition);
	for (size_t i = 0; i < lane->position_count; i++)
	{
		const MovedPosition *moved = &lane->moved[i];
		const Partition *partition = &consumer->partitions.items[moved->slot];

		lane->positions[i] = (TargetPosition){.topic = partition->topic,
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
consumer_request_apply(Lane *lane, size_t count, TargetFailure *failure)
{
	Consumer *consumer = lane->consumer;
	TargetApply apply = {
		.batch = lane->applying, .count = count, .place = place_of, .arg = consumer};

	lane->request_count = count;
	if (!build_moves(lane, count))
	{
		/* They stay where they are: what comes behind them must not be applied without them. */
		lane->move_count = 0;
		*failure = (TargetFailure){.failure = FAILURE_CONFIGURATION, .handler = -1};
		return error_bug(&failure->error, "out of memory");
	}
	/* All of it was dropped: nothing to say to the target. */
	if (lane->move_count == 0)
		return true;
	apply.moves = lane->moves;
	apply.move_count = lane->move_count;
	apply.positions = lane->positions;
	apply.position_count = lane->position_count;
	apply.letter = consumer_letter_row(lane);
	return lane->target->methods->apply(lane->target, &apply, consumer->now, failure);
}

/* -------------------------------------------------------------------------
 * success
 * ------------------------------------------------------------------------- */

/* The oldest event of each partition of the lane that waits; where none does, -1. */
static void
note_waiting(Lane *lane)
{
	Consumer *consumer = lane->consumer;

	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		if (consumer->partitions.items[slot].lane == lane->number)
			consumer->partitions.items[slot].waiting_since_ms = -1;
	}
	for (int i = 0; i < 2; i++)
	{
		const Batch *batch = i == 0 ? lane->applying : lane->filling;

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

/*
 * A record of another program is left out by its id, which nobody may have meant to be one
 * of the record: that is told, now and then.
 */
static void
tell_known(Consumer *consumer, const BatchRecord *record)
{
	char partition[16];
	char offset[24];
	char room[LOG_COUNT_SIZE];
	unsigned long suppressed;

	if (record->flagged ||
		consumer->handlers->topic_rules[record->topic].dedupe != DEDUPE_POSITION ||
		!log_limit_pass(&consumer->known_limit, consumer->now, KNOWN_LOG_USEC, &suppressed))
		return;
	snprintf(partition, sizeof(partition), "%d",
			 consumer->partitions.items[record->slot].partition);
	snprintf(offset, sizeof(offset), "%lld", (long long) record->offset);
	log_event(LOG_LEVEL_INFO,
			  "a record without a position has the id of one that was applied, and is left out",
			  "topic", consumer->handlers->topics[record->topic], "partition", partition, "offset",
			  offset, "repeated", log_count(suppressed, room), "hint",
			  "Where the header \"id\" isn't the event's own, set \"dedupe = none\" for the topic.",
			  NULL);
}

static void
count_applied(Lane *lane, size_t count)
{
	Stats *stats = &lane->consumer->stats;
	const Batch *batch = lane->applying;
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
			if (record->known)
				tell_known(lane->consumer, record);
		}
		else if (!record->dead)
		{
			stats->applied++;
			observe_event(stats, record, wall_ms);
		}
	}
}

void
consumer_settle(Lane *lane)
{
	Consumer *consumer = lane->consumer;
	Stats *stats = &consumer->stats;
	int64_t took = consumer->now - lane->request_at;

	consumer->places.count = 0;
	for (size_t i = 0; i < lane->move_count; i++)
	{
		const TargetMove *move = &lane->moves[i];
		Partition *partition = &consumer->partitions.items[lane->move_slots[i]];

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
		if (FAILPOINT_ERROR("batch-settled", &consumer->failure))
			return;
		consumer->inbox->methods->store(consumer->inbox, consumer->places.items,
										consumer->places.count);
		stats->batches++;
		histogram_observe(&stats->batch_records, (double) lane->request_count);
		histogram_observe(&stats->batch_seconds, (double) took / USEC_PER_SEC);
		breaker_succeeded(&consumer->breaker, consumer->now, took, &consumer->random);
		backoff_reset(&lane->reconnect);
	}
	count_applied(lane, lane->request_count);
	consumer_letter_settled(lane);
	retry_succeeded(&lane->retry);
	sizer_succeeded(&lane->sizer, lane->request_count, took);
	batch_take(lane->applying, lane->request_count);
	note_waiting(lane);
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

/* Connections that break together are one failure: nothing was asked of this one since. */
static bool
is_known_loss(Lane *lane, const TargetFailure *failure)
{
	Consumer *consumer = lane->consumer;

	if (!failure->lost)
		return false;
	if (consumer->lost_lane != lane->number && lane->request_at <= consumer->lost_at)
		return true;
	consumer->lost_lane = lane->number;
	consumer->lost_at = consumer->now;
	return false;
}

static void
infrastructure_failed(Lane *lane, const TargetFailure *failure)
{
	Consumer *consumer = lane->consumer;

	if (is_known_loss(lane, failure))
		return;
	snprintf(consumer->last_error, sizeof(consumer->last_error), "%s", failure->error.message);
	breaker_failed(&consumer->breaker, consumer->now, consumer->now - lane->request_at,
				   &consumer->random);
}

/* Any request, or the connection itself. */
void
consumer_target_failed(Lane *lane, const TargetFailure *failure)
{
	Consumer *consumer = lane->consumer;

	consumer->stats.failures[failure->failure]++;
	if (failure->error.error_class == ERROR_CLASS_BUG || failure->failure == FAILURE_CONFIGURATION)
	{
		consumer_fail(consumer, &failure->error);
		return;
	}
	log_failure(consumer, failure);
	infrastructure_failed(lane, failure);
	(void) retry_failed(&lane->retry, consumer->now, &consumer->random);
	if (failure->lost)
		lane->connect_at = backoff_next(&lane->reconnect, consumer->now, &consumer->random);
}

/* The inbox doesn't know whether it was applied: neither a dead letter nor a handler settles that. */
static bool
cannot_be_judged(const TargetFailure *failure)
{
	return failure->handler < 0 && strncmp(failure->error.sqlstate, "OBX", 3) == 0;
}

static void
stop_at_culprit(Lane *lane, const TargetFailure *failure)
{
	Consumer *consumer = lane->consumer;
	const BatchRecord *record = &lane->applying->records[lane->applying->head];
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
retries_foreign_key(Lane *lane, const TargetFailure *failure)
{
	Consumer *consumer = lane->consumer;
	int topic = lane->applying->records[lane->applying->head].topic;
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
	return wanted && retry_failed(&lane->retry, consumer->now, &consumer->random) == RETRY_LATER;
}

void
consumer_apply_failed(Lane *lane, const TargetFailure *failure)
{
	Consumer *consumer = lane->consumer;

	if (failure->timed_out)
		sizer_timed_out(&lane->sizer);
	/* Whatever it was: when COMMIT may have come through, the progress says so. */
	for (size_t i = 0; i < lane->move_count; i++)
	{
		Partition *partition = &consumer->partitions.items[lane->move_slots[i]];

		/* Attempts may differ in size; any of them may be the one that comes through. */
		if (failure->unknown && lane->moves[i].new_next > partition->unknown_next)
			partition->unknown_next = lane->moves[i].new_next;
		if (failure->unknown || failure->failure == FAILURE_FENCED)
			partition->stale = true;
	}
	switch (failure->failure)
	{
		case FAILURE_DATA:
			consumer->stats.failures[failure->failure]++;
			if (!sizer_data_error(&lane->sizer, lane->request_count))
				break;
			if (cannot_be_judged(failure) ||
				(!retries_foreign_key(lane, failure) && !consumer_letter_begin(lane, failure)))
				stop_at_culprit(lane, failure);
			break;
		case FAILURE_FENCED:
			/* Most likely the progress, read again, ends it; if not, it isn't tried in a hurry. */
		case FAILURE_TRANSIENT:
			consumer->stats.failures[failure->failure]++;
			if (retry_failed(&lane->retry, consumer->now, &consumer->random) == RETRY_EXHAUSTED)
			{
				log_failure(consumer, failure);
				infrastructure_failed(lane, failure);
			}
			break;
		default:
			consumer_target_failed(lane, failure);
			break;
	}
}
