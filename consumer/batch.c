/*
 * batch.c
 *	  Records in an array, their bytes in blocks that never move.
 */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t) 256 * 1024)

struct BatchBlock
{
	BatchBlock *next;
	size_t used;
	size_t size;
	uint8_t data[];
};

void
batch_init(Batch *batch, size_t max_records, size_t max_bytes)
{
	memset(batch, 0, sizeof(*batch));
	batch->max_records = max_records;
	batch->max_bytes = max_bytes;
}

static void
free_blocks(BatchBlock *block)
{
	while (block != NULL)
	{
		BatchBlock *next = block->next;

		free(block);
		block = next;
	}
}

void
batch_free(Batch *batch)
{
	free_blocks(batch->blocks);
	free(batch->records);
	batch_init(batch, batch->max_records, batch->max_bytes);
}

void
batch_clear(Batch *batch)
{
	/* One block of the usual size is kept. */
	if (batch->blocks != NULL)
	{
		if (batch->blocks->size > BLOCK_SIZE)
		{
			free_blocks(batch->blocks);
			batch->blocks = NULL;
		}
		else
		{
			free_blocks(batch->blocks->next);
			batch->blocks->next = NULL;
			batch->blocks->used = 0;
		}
	}
	batch->head = 0;
	batch->count = 0;
	batch->bytes = 0;
}

bool
batch_is_full(const Batch *batch)
{
	return batch->count >= batch->max_records || batch->bytes >= batch->max_bytes;
}

size_t
batch_left(const Batch *batch)
{
	return batch->count - batch->head;
}

BatchRecord *
batch_append(Batch *batch)
{
	BatchRecord *record;

	if (batch->count == batch->capacity)
	{
		size_t capacity = batch->capacity == 0 ? 64 : batch->capacity * 2;
		BatchRecord *records = realloc(batch->records, capacity * sizeof(*records));

		if (records == NULL)
			return NULL;
		batch->records = records;
		batch->capacity = capacity;
	}
	record = &batch->records[batch->count];
	memset(record, 0, sizeof(*record));
	record->timestamp_ms = -1;
	return record;
}

void
batch_commit(Batch *batch)
{
	batch->count++;
	batch->bytes += sizeof(BatchRecord);
}

bool
batch_copy(Batch *batch, ByteView from, ByteView *to)
{
	BatchBlock *block = batch->blocks;

	*to = (ByteView){NULL, 0};
	if (from.data == NULL)
		return true;
	/* An empty value isn't NULL: it takes a byte, so that it has an address. */
	if (block == NULL || block->size - block->used < from.len + 1)
	{
		size_t size = from.len + 1 > BLOCK_SIZE ? from.len + 1 : BLOCK_SIZE;

		block = malloc(sizeof(*block) + size);
		if (block == NULL)
			return false;
		block->next = batch->blocks;
		block->used = 0;
		block->size = size;
		batch->blocks = block;
	}
	memcpy(block->data + block->used, from.data, from.len);
	*to = (ByteView){block->data + block->used, from.len};
	block->used += from.len > 0 ? from.len : 1;
	batch->bytes += from.len;
	return true;
}

void
batch_take(Batch *batch, size_t count)
{
	batch->head += count < batch_left(batch) ? count : batch_left(batch);
}

size_t
batch_drop(Batch *batch, int slot)
{
	return batch_drop_below(batch, slot, INT64_MAX);
}

size_t
batch_drop_below(Batch *batch, int slot, int64_t offset)
{
	size_t dropped = 0;

	for (size_t i = batch->head; i < batch->count; i++)
	{
		BatchRecord *record = &batch->records[i];

		if (record->slot != slot || record->dropped || record->offset >= offset)
			continue;
		record->dropped = true;
		dropped++;
	}
	return dropped;
}
