/*
 * partitions.c
 *	  A table with holes.
 */
#include "partitions.h"

#include <stdlib.h>
#include <string.h>

#define STALL_USEC (20 * USEC_PER_SEC)
#define STALL_DOUBLINGS 4
#define SPELLS_MAX 2
#define CLOCKS_OFF_MS 60000

void
partitions_init(PartitionTable *table)
{
	*table = (PartitionTable){NULL, 0};
}

void
partitions_free(PartitionTable *table)
{
	for (int i = 0; i < table->count; i++)
		partitions_release(table, i);
	free(table->items);
	partitions_init(table);
}

static int
free_slot(PartitionTable *table)
{
	Partition *items;

	for (int i = 0; i < table->count; i++)
	{
		if (table->items[i].state == PARTITION_FREE)
			return i;
	}
	items = realloc(table->items, ((size_t) table->count + 1) * sizeof(*items));
	if (items == NULL)
		return -1;
	table->items = items;
	memset(&items[table->count], 0, sizeof(*items));
	return table->count++;
}

int
partitions_assign(PartitionTable *table, const char *topic, int32_t partition, int topic_index)
{
	int slot = partitions_find(table, topic, partition);
	Partition *item;

	if (slot >= 0)
		partitions_release(table, slot);
	slot = free_slot(table);
	if (slot < 0)
		return -1;
	item = &table->items[slot];
	memset(item, 0, sizeof(*item));
	item->topic = strdup(topic);
	if (item->topic == NULL)
		return -1;
	item->state = PARTITION_ASSIGNED;
	item->topic_index = topic_index;
	item->partition = partition;
	item->next_offset = -1;
	item->end = -1;
	item->eof_offset = -1;
	item->first = -1;
	item->last_offset = -1;
	item->last_timestamp_ms = -1;
	item->moved_at_ms = -1;
	item->unknown_next = -1;
	item->waiting_since_ms = -1;
	item->move = -1;
	item->quiet_at = -1;
	positions_init(&item->seen);
	positions_init(&item->read_positions);
	return slot;
}

void
partitions_release(PartitionTable *table, int slot)
{
	Partition *item = &table->items[slot];

	if (item->state == PARTITION_FREE)
		return;
	free(item->topic);
	positions_free(&item->seen);
	positions_free(&item->read_positions);
	memset(item, 0, sizeof(*item));
}

int
partitions_find(const PartitionTable *table, const char *topic, int32_t partition)
{
	for (int i = 0; i < table->count; i++)
	{
		const Partition *item = &table->items[i];

		if (item->state != PARTITION_FREE && item->partition == partition &&
			strcmp(item->topic, topic) == 0)
			return i;
	}
	return -1;
}

int
partitions_count(const PartitionTable *table, PartitionState state)
{
	int count = 0;

	for (int i = 0; i < table->count; i++)
		count += table->items[i].state == state;
	return count;
}

int64_t
partition_lag(const Partition *partition)
{
	int64_t next = partition->next_offset >= 0 ? partition->next_offset : partition->first;

	if (partition->end == 0)
		return 0;
	if (partition->end < 0 || next < 0)
		return -1;
	/* Marks of transactions are no records: the end of what was read is beyond them. */
	if (partition->received <= next && partition->eof_offset > next)
		next = partition->eof_offset;
	return partition->end > next ? partition->end - next : 0;
}

bool
partition_stalls(Partition *partition, int64_t end, MonoUsec now)
{
	int64_t at =
		partition->eof_offset > partition->received ? partition->eof_offset : partition->received;

	if (at != partition->quiet_at)
	{
		partition->quiet_at = at;
		partition->quiet_since = now;
		partition->stalls = 0;
		return false;
	}
	/* Idle, or held back by us: nothing is missing yet. */
	if (end <= at || partition->paused || partition->state != PARTITION_ACTIVE)
	{
		partition->quiet_since = now;
		return false;
	}
	if (now - partition->quiet_since < STALL_USEC << partition->stalls)
		return false;
	partition->quiet_since = now;
	if (partition->stalls < STALL_DOUBLINGS)
		partition->stalls++;
	return true;
}

void
partition_ended(Partition *partition, int64_t offset)
{
	partition->eof_offset = offset;
	partition->short_of_progress = partition->state == PARTITION_ACTIVE && !partition->rewind &&
								   !partition->verify && !partition->look_back &&
								   offset < partition->received;
}

bool
partition_yields(Partition *partition, MonoUsec now, MonoUsec session_usec)
{
	if (partition->fenced == 0 || now - partition->fenced_since >= session_usec)
	{
		partition->fenced++;
		partition->fenced_since = now;
	}
	return partition->fenced <= SPELLS_MAX;
}

bool
partition_is_same(const Partition *partition, int64_t timestamp_ms, const char *id)
{
	if (partition->last_timestamp_ms >= 0 && timestamp_ms >= 0 &&
		partition->last_timestamp_ms != timestamp_ms)
		return false;
	return partition->last_id[0] == '\0' || strcmp(partition->last_id, id) == 0;
}

bool
partition_can_be_before(const Partition *partition, int64_t timestamp_ms)
{
	int64_t latest = partition->last_timestamp_ms > partition->moved_at_ms
						 ? partition->last_timestamp_ms
						 : partition->moved_at_ms;

	return partition->moved_at_ms < 0 || timestamp_ms < 0 || timestamp_ms <= latest ||
		   timestamp_ms - latest <= CLOCKS_OFF_MS;
}
