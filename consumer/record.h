/*
 * record.h
 *	  What a record of Kafka says of its event.  Pure.
 */
#ifndef OUTBOX_CONSUMER_RECORD_H
#define OUTBOX_CONSUMER_RECORD_H

#include "batch.h"
#include "inbox.h"

/* The last header of that name; NULL when there is none. */
extern const InboxHeader *record_header(const InboxRecord *record, const char *name);

/* Its value, as a view; the NULL view when there is none, or it is null. */
extern ByteView record_header_value(const InboxRecord *record, const char *name);

/* Reads the header of a position; false when it is none. */
extern bool record_position(const InboxHeader *header, char *source_id, Position *position);

/* An id that can be kept as text; "" for others.  id has BATCH_ID_TEXT_MAX + 1. */
extern void record_id(const InboxRecord *record, char *id);

/*
 * Copies what handlers can see of it: uuid, key, type, value and, when they are wanted,
 * the event's own headers as a JSON object; where that would be too large, it sets
 * "unjudged".  False without memory.
 */
extern MUST_CHECK bool record_copy(const InboxRecord *record, bool with_headers, Batch *batch,
								   BatchRecord *to);

#endif
