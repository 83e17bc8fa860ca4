/*
 * event.h
 *	  The value that crosses the middle of the relay.
 *
 * All views borrow from the frame (or the row buffer) that the event came in
 * and are valid until the source is asked for the next one.  A view whose data
 * is NULL is SQL NULL.
 */
#ifndef OUTBOX_RELAY_EVENT_H
#define OUTBOX_RELAY_EVENT_H

#include "clock.h"
#include "envelope.h"
#include "position.h"
#include "reader.h"

typedef struct OutboxEvent
{
	uint8_t id[UUID_SIZE];
	ByteView aggregate_type; /* never NULL */
	ByteView aggregate_id;	 /* the key; NULL: no key */
	ByteView type;
	ByteView payload;	   /* of whichever payload column is set; NULL: tombstone */
	bool payload_is_bytes; /* it is that of payload_bytes */
	ByteView headers;	   /* a flat JSON object as text, or NULL */
	Position position;
	PgUsec commit_time;
} OutboxEvent;

#endif
