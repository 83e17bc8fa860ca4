/*
 * event_trace.h
 *	  Which event a line of the log is about, as fields of it: never what is in it.
 *
 * A field that isn't known is empty, and left out.  Of a whole batch that failed only the place of
 * its first event is known.
 */
#ifndef OUTBOX_RELAY_EVENT_TRACE_H
#define OUTBOX_RELAY_EVENT_TRACE_H

#include "event.h"
#include "route.h"

#define TRACEPARENT_SIZE 64 /* version 00 of the W3C's header has 55 characters */

typedef struct EventTrace
{
	char id[UUID_TEXT_SIZE];
	char lsn[LSN_TEXT_SIZE]; /* of the commit */
	char ordinal[24];
	char xid[16]; /* the lower 32 bits */
	char topic[TOPIC_NAME_MAX + 1];
	char partition[16];
	char traceparent[TRACEPARENT_SIZE];
} EventTrace;

/* An event that is at hand; topic may be NULL, xid 0: not known. */
extern void event_trace_fill(EventTrace *trace, const OutboxEvent *event, const char *topic,
							 uint32_t xid);
/* One that is known by its place alone; partition -1, topic NULL: not known. */
extern void event_trace_place(EventTrace *trace, PgLsn commit_lsn, uint64_t ordinal,
							  const char *topic, int32_t partition);

#define EVENT_TRACE_FIELD(text) ((text)[0] != '\0' ? (text) : NULL)
/* For log_event() and log_error(), before the NULL. */
#define EVENT_TRACE_FIELDS(trace)                                                                  \
	"event_id", EVENT_TRACE_FIELD((trace)->id), "lsn", EVENT_TRACE_FIELD((trace)->lsn), "ordinal", \
		EVENT_TRACE_FIELD((trace)->ordinal), "xid", EVENT_TRACE_FIELD((trace)->xid), "topic",      \
		EVENT_TRACE_FIELD((trace)->topic), "partition", EVENT_TRACE_FIELD((trace)->partition),     \
		"traceparent", EVENT_TRACE_FIELD((trace)->traceparent)

#endif
