/*
 * message.h
 *	  An event that was written as a logical message (pg_outbox.storage = wal).  Pure.
 *
 * The frame is drawn in extension/message.h and described in docs/protocol.md.
 */
#ifndef OUTBOX_RELAY_MESSAGE_H
#define OUTBOX_RELAY_MESSAGE_H

#include "error.h"
#include "event.h"

/*
 * Fills id, aggregate_type, aggregate_id, type, payload (and whether it is bytes) and
 * headers of the event with views into the content; position and time are left as they are.  Refuses, PERMANENT
 * with EXIT_MESSAGE, a version that it doesn't know, and whatever doesn't fit to the
 * byte; the error doesn't show the content.
 */
extern MUST_CHECK bool message_decode(ByteView content, OutboxEvent *event, Error *error);

#endif
