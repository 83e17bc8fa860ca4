/*
 * event.h
 *	  The value that crosses the middle of the relay.
 *
 * All views borrow from the frame (or the row buffer) that the event came in
 * and are valid until the source is asked for the next one.  A view whose data
 * is NULL is SQL NULL.  What should be an event and isn't crosses it as well, with its
 * problem and what is known of it: it has a position, and nothing passes unseen.
 */
#ifndef OUTBOX_RELAY_EVENT_H
#define OUTBOX_RELAY_EVENT_H

#include "clock.h"
#include "envelope.h"
#include "error.h"
#include "position.h"
#include "reader.h"

typedef struct OutboxEvent
{
	uint8_t id[UUID_SIZE];
	ByteView aggregate_type; /* NULL only with a problem */
	ByteView aggregate_id;	 /* the key; NULL: no key */
	ByteView type;
	ByteView payload; /* of whichever payload column is set; NULL: tombstone */
	ByteView headers; /* a flat JSON object as text, or NULL */
	Position position;
	PgUsec commit_time;		/* of a replayed event: now */
	PgUsec created_at;		/* of a row; 0: not known */
	bool payload_is_bytes;	/* of the column payload_bytes, or written as such */
	ByteView replayed;		/* why it is sent again; NULL: it isn't, and is at its position */
	const Error *problem;	/* why it is no event and can't be published; NULL: it is one */
	bool no_id;				/* with a problem: id isn't known */
	ByteView other_payload; /* with a problem: payload_bytes beside a payload */
} OutboxEvent;

#endif
