/*
 * trace.h
 *	  The session's trace context (W3C Trace Context, https://www.w3.org/TR/trace-context/)
 *	  as headers of its events.
 */
#ifndef PG_OUTBOX_TRACE_H
#define PG_OUTBOX_TRACE_H

#include "utils/guc.h"
#include "utils/jsonb.h"

/* pg_outbox.traceparent and pg_outbox.tracestate: empty, or as the specification says. */
extern char *outbox_traceparent;
extern char *outbox_tracestate;
extern bool outbox_check_traceparent(char **newval, void **extra, GucSource source);
extern bool outbox_check_tracestate(char **newval, void **extra, GucSource source);
extern void outbox_assign_trace(const char *newval, void *extra);

/*
 * The headers with the session's traceparent and tracestate, when it has a traceparent
 * and the headers have neither.  Otherwise the headers as they are.  NULL is no headers.
 */
extern Jsonb *outbox_add_trace(Jsonb *headers);

#endif
