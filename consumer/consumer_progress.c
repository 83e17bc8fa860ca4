/*
 * consumer_progress.c
 *	  Reads from the target how far partitions have come, and believes it.
 *
 * That is needed when a partition is assigned, in each new session, and when
 * something moved without us: a COMMIT whose answer was lost, another consumer
 * (fencing), or a server that lacks what an earlier one had (a standby that was
 * promoted).  The first keeps what waits in the batches and only drops what turned
 * out to be applied.  The others drop it all and read again from the record that
 * was applied last, to see that it is the same in this Kafka.  Another consumer
 * that goes on for longer than a rebalance can is a rival: stop.  A server that
 * went back never is one.
 */
#include "consumer_intern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"
#include "failpoint.h"

void
consumer_forget_progress(Lane *lane)
{
	PartitionTable *partitions = &lane->consumer->partitions;

	for (int slot = 0; slot < partitions->count; slot++)
	{
		Partition *partition = &partitions->items[slot];

		if (partition->lane != lane->number)
			continue;
		if (partition->state == PARTITION_KNOWN)
			partition->state = PARTITION_ASSIGNED;
		else if (partition->state == PARTITION_ACTIVE)
			partition->stale = partition->moved = true;
	}
}

static bool
is_wanted(const Lane *lane, const Partition *partition)
{
	return partition->lane == lane->number &&
		   (partition->state == PARTITION_ASSIGNED ||
			(partition->state == PARTITION_ACTIVE && partition->stale));
}

bool
consumer_needs_progress(const Lane *lane)
{
	const Consumer *consumer = lane->consumer;

	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		const Partition *partition = &consumer->partitions.items[slot];

		if (is_wanted(lane, partition))
			return true;
	}
	return false;
}

bool
consumer_request_progress(Lane *lane, TargetFailure *failure)
{
	Consumer *consumer = lane->consumer;
	int count = consumer->partitions.count;
	TargetPlace *places = calloc((size_t) (count > 0 ? count : 1), sizeof(*places));
	size_t wanted = 0;
	bool ok;

	if (places == NULL)
	{
		error_bug(&consumer->failure, "out of memory");
		return true;
	}
	for (int slot = 0; slot < count; slot++)
	{
		Partition *partition = &consumer->partitions.items[slot];

		if (partition->lane != lane->number)
			continue;
		partition->reading = is_wanted(lane, partition);
		if (!partition->reading)
			continue;
		partition->found = false;
		positions_clear(&partition->read_positions);
		places[wanted++] = (TargetPlace){partition->topic, partition->partition};
	}
	ok = lane->target->methods->read(lane->target, places, wanted, consumer->now, failure);
	free(places);
	return ok;
}

/* Of this lane: another one may be reading it since, and from another server. */
static Partition *
find_reading(const Lane *lane, const char *topic, int32_t number)
{
	PartitionTable *partitions = &lane->consumer->partitions;
	int slot = partitions_find(partitions, topic, number);

	if (slot < 0 || !partitions->items[slot].reading ||
		partitions->items[slot].lane != lane->number)
		return NULL;
	return &partitions->items[slot];
}

static void
take_row(const TargetProgress *row, void *arg)
{
	Partition *partition = find_reading(arg, row->topic, row->partition);

	if (partition == NULL)
		return;
	partition->found = true;
	partition->read_next = row->next_offset;
	partition->read_last_offset = row->last_offset;
	partition->read_last_timestamp_ms = row->last_timestamp_ms;
	partition->read_moved_at_ms = row->moved_at_ms;
	snprintf(partition->read_last_id, sizeof(partition->read_last_id), "%s",
			 row->last_id != NULL ? row->last_id : "");
}

static void
take_position(const TargetPosition *row, void *arg)
{
	const Lane *lane = arg;
	Partition *partition = find_reading(lane, row->topic, row->partition);

	if (partition != NULL && positions_admit(&partition->read_positions, row->source_id,
											 &row->position) == POSITION_NO_MEMORY)
		error_bug(&lane->consumer->failure, "out of memory");
}

static void
adopt_progress(Partition *partition)
{
	partition->next_offset = partition->found ? partition->read_next : -1;
	partition->last_offset = partition->found ? partition->read_last_offset : -1;
	partition->last_timestamp_ms = partition->found ? partition->read_last_timestamp_ms : -1;
	partition->moved_at_ms = partition->found ? partition->read_moved_at_ms : -1;
	snprintf(partition->last_id, sizeof(partition->last_id), "%s",
			 partition->found ? partition->read_last_id : "");
	partition->unknown_next = -1;
	partition->stale = partition->moved = false;
}

static void
adopt_positions(Partition *partition)
{
	PositionSet swap = partition->seen;

	partition->seen = partition->read_positions;
	partition->read_positions = swap;
	positions_clear(&partition->read_positions);
}

static void
log_partition(LogLevel level, const char *message, const Partition *partition)
{
	char number[16];
	char next[24];

	snprintf(number, sizeof(number), "%d", partition->partition);
	snprintf(next, sizeof(next), "%lld", (long long) partition->next_offset);
	log_event(level, message, "topic", partition->topic, "partition", number, "next_offset", next,
			  NULL);
}

/* What waits here is of no use: reads on from where the target is. */
static void
start_over(Lane *lane, int slot)
{
	Consumer *consumer = lane->consumer;
	Partition *partition = &consumer->partitions.items[slot];

	(void) lane_drop(lane, slot);
	sizer_forget(&lane->sizer);
	adopt_progress(partition);
	adopt_positions(partition);
	partition->rewind = true;
	partition->verify = partition->next_offset >= 0 && partition->last_offset >= 0;
	partition->look_back = false;
	partition->waiting_since_ms = -1;
}

/* The server of this session lacks what another one had: Kafka has it still. */
static void
go_back(Lane *lane, int slot)
{
	Consumer *consumer = lane->consumer;
	Partition *partition = &consumer->partitions.items[slot];
	int64_t was = partition->next_offset;

	start_over(lane, slot);
	consumer->stats.lost_records +=
		(uint64_t) (was - (partition->next_offset > 0 ? partition->next_offset : 0));
	log_partition(LOG_LEVEL_WARNING, "the target has gone back; reading on from its progress",
				  partition);
}

/* Somebody else moved it. */
static void
yield(Lane *lane, int slot)
{
	Consumer *consumer = lane->consumer;
	Partition *partition = &consumer->partitions.items[slot];
	unsigned spells = partition->fenced;
	Error error;

	start_over(lane, slot);
	if (partition_yields(partition, consumer->now, consumer->inbox->session_usec))
	{
		/* Once a spell. */
		if (partition->fenced != spells)
			log_partition(LOG_LEVEL_WARNING,
						  "another consumer moved the progress; reading on from it", partition);
		return;
	}
	error_clear(&error);
	error_permanent(&error, EXIT_FENCED,
					"another consumer of group \"%s\" moves the progress of topic \"%s\", "
					"partition %d",
					consumer->config->group, partition->topic, partition->partition);
	error_hint(&error, "%s", CONSUMER_RIVAL_HINT);
	consumer_fail(consumer, &error);
}

static void
take_stale(Lane *lane, int slot)
{
	Consumer *consumer = lane->consumer;
	Partition *partition = &consumer->partitions.items[slot];
	int64_t found = partition->found ? partition->read_next : -1;

	if (found == partition->next_offset)
	{
		/* It was rolled back; it may yet commit, if its server process lives on. */
		partition->stale = partition->moved = false;
		return;
	}
	if (found < partition->next_offset && partition->moved)
	{
		go_back(lane, slot);
		return;
	}
	if (found < partition->next_offset || found > partition->unknown_next)
	{
		yield(lane, slot);
		return;
	}
	/* Our own commit, whose answer was lost; what it was is done, whoever did it. */
	log_partition(LOG_LEVEL_INFO, "a commit without an answer was found to be done", partition);
	consumer->stats.unknown_commits++;
	batch_drop_below(lane->applying, slot, found);
	batch_drop_below(lane->filling, slot, found);
	sizer_forget(&lane->sizer);
	adopt_progress(partition);
}

void
consumer_take_progress(Lane *lane)
{
	Consumer *consumer = lane->consumer;

	if (FAILPOINT_ERROR("progress-read", &consumer->failure))
		return;
	lane->target->methods->visit(lane->target, take_row, take_position, lane);
	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		Partition *partition = &consumer->partitions.items[slot];

		if (!partition->reading || partition->lane != lane->number)
			continue;
		partition->reading = false;
		if (partition->state == PARTITION_ASSIGNED)
		{
			adopt_progress(partition);
			adopt_positions(partition);
			partition->state = PARTITION_KNOWN;
		}
		else if (partition->state == PARTITION_ACTIVE && partition->stale)
			take_stale(lane, slot);
	}
	consumer->begin_at = 0;
}

void
consumer_rewind(Consumer *consumer)
{
	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		Partition *partition = &consumer->partitions.items[slot];
		InboxPlace place = {.topic = partition->topic, .partition = partition->partition};
		Error error;

		if (partition->state != PARTITION_ACTIVE || !partition->rewind ||
			consumer->now < consumer->begin_at)
			continue;
		partition->received = partition->next_offset < 0 ? 0 : partition->next_offset;
		place.offset = consumer_start_offset(partition);
		error_clear(&error);
		if (consumer->inbox->methods->rewind(consumer->inbox, &place, &error))
		{
			partition->rewind = false;
			partition->eof_offset = -1;
			partition->short_of_progress = false;
			continue;
		}
		log_error(LOG_LEVEL_WARNING, &error, NULL);
		consumer->begin_at = consumer->now + USEC_PER_SEC;
	}
}
