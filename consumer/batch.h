/*
 * batch.h
 *	  Events on their way into the target: what was read, in the order in which it
 *	  was read, with its bytes.
 *
 * Records are taken from the front in pieces (batch_take) and never leave in
 * another order.  Limits are given at birth; one record larger than max_bytes
 * passes alone.  Pure but for malloc.
 *
 * A repetition stays in the batch as a record with "repeated" set and without
 * its bytes: it moves the progress and reaches no handler.  A record with "by_id"
 * is judged by the target, anew in each attempt to apply it; until then, and
 * when it is no repetition, "known" is false.
 */
#ifndef OUTBOX_CONSUMER_BATCH_H
#define OUTBOX_CONSUMER_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "envelope.h"
#include "error.h"
#include "position.h"
#include "reader.h"
#include "unjudged.h"

#define BATCH_ID_TEXT_MAX 63 /* bytes of the header "id" or "ce_id" that are kept */

typedef struct BatchRecord
{
	int slot;  /* of the partition, see partitions.h */
	int topic; /* index in Handlers.topics */
	int64_t offset;
	int64_t timestamp_ms; /* -1: none */
	bool repeated;		  /* at or below the highest position */
	bool dropped;		  /* its partition is gone: it doesn't count at all */
	bool by_id;			  /* has an id, and the target judges it by that */
	bool flagged;		  /* sent again, out of order */
	bool known;			  /* the target has its id */
	bool dead;		   /* a dead letter: it moves progress and position, and reaches no handler */
	Unjudged unjudged; /* it can only become a dead letter */
	bool has_uuid;
	bool has_position; /* one that counts as reached */
	uint8_t uuid[UUID_SIZE];
	char id[BATCH_ID_TEXT_MAX + 1]; /* "" when there is none */
	Position position;
	ByteView source_id; /* of the position */
	ByteView position_text;
	ByteView key; /* NULL data: null */
	ByteView type;
	ByteView value;
	ByteView headers;	  /* a JSON object; NULL when no handler wants it */
	ByteView raw_headers; /* raw_headers.h, for a dead letter; NULL when there can be none */
	ByteView traceparent; /* a valid one; NULL: none */
	ByteView created_at;  /* of a flagged event; NULL: not known */
} BatchRecord;

typedef struct BatchBlock BatchBlock;

typedef struct Batch
{
	BatchRecord *records;
	size_t head; /* the first that isn't taken */
	size_t count;
	size_t capacity;
	size_t bytes;
	size_t max_records;
	size_t max_bytes;
	BatchBlock *blocks;
} Batch;

/* Whether handlers get it. */
static inline bool
batch_record_runs(const BatchRecord *record)
{
	return !record->repeated && !record->known && !record->dropped && !record->dead;
}

/* Whether the target is asked about its id.  Of a dead letter it isn't: it isn't applied. */
static inline bool
batch_record_is_judged(const BatchRecord *record)
{
	return record->by_id && !record->dropped && !record->dead;
}

extern void batch_init(Batch *batch, size_t max_records, size_t max_bytes);
extern void batch_free(Batch *batch);
extern void batch_clear(Batch *batch); /* gives large memory back */

extern bool batch_is_full(const Batch *batch);
extern size_t batch_left(const Batch *batch); /* records that aren't taken */

/* An empty record at the end, NULL without memory.  It is there once batch_commit() is called. */
extern MUST_CHECK BatchRecord *batch_append(Batch *batch);
extern void batch_commit(Batch *batch);

/* Copies bytes into the batch; a NULL view stays one.  False without memory. */
extern MUST_CHECK bool batch_copy(Batch *batch, ByteView from, ByteView *to);

extern void batch_take(Batch *batch, size_t count);

/* Marks what is left of a partition; returns how many. */
extern size_t batch_drop(Batch *batch, int slot);
/* Marks what is left of a partition below an offset. */
extern size_t batch_drop_below(Batch *batch, int slot, int64_t offset);

#endif
