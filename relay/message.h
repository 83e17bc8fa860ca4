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
 * false: a newer extension wrote it, or a stranger.  An empty message has a known one, and
 * is none.
 */
extern bool message_has_known_version(ByteView content);

/*
 * Fills id, aggregate_type, aggregate_id, type, payload (and whether it is bytes) and
 * headers of the event with views into the content; the rest is left as it is.  Refuses, PERMANENT
 * with EXIT_MESSAGE, a version that it doesn't know, and whatever doesn't fit to the
 * byte; the error doesn't show the content.
 */
extern MUST_CHECK bool message_decode(ByteView content, OutboxEvent *event, Error *error);

#endif
