/*
 * peek_line.h
 *	  An event as one line of JSON, for people and scripts that look at what comes.  Pure.
 *
 *	{"topic": …, "partition": n|null, "key": …|null, "headers": {…}, "id": …,
 *	 "position": …, "commit_time": …, "xid": n, "payload_bytes": n|null}
 *
 * and "payload" or, when it isn't UTF-8, "payload_hex", when asked for.  An event that can't be
 * published has "problem" in place of headers, and a null topic; its id is null when it has none.
 * The payload is that of the event, of which settings may make another value.
 */
#ifndef OUTBOX_RELAY_PEEK_LINE_H
#define OUTBOX_RELAY_PEEK_LINE_H

#include "buffer.h"
#include "route.h"

typedef struct PeekedEvent
{
	const OutboxEvent *event;
	const RoutedEvent *routed; /* NULL: it can't be published */
	const char *problem;	   /* then why */
	const char *source_id;
	bool partition_known; /* its topic has a recorded count */
	int32_t partition;
	uint32_t xid; /* of its transaction, the lower 32 bits */
} PeekedEvent;

/* Appends the line with its line feed; never a payload that wasn't asked for. */
extern void peek_line(Buffer *out, const PeekedEvent *peeked, bool payload);

#endif
