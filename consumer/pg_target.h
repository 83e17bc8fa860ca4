/*
 * pg_target.h
 *	  A target over libpq: pipelined, with deadlines of its own.
 */
#ifndef OUTBOX_CONSUMER_PG_TARGET_H
#define OUTBOX_CONSUMER_PG_TARGET_H

#include "handlers.h"
#include "server_identity.h"
#include "target.h"

/* Where a transaction has the trace of its events. */
typedef enum PgTrace
{
	PG_TRACE_APPLICATION_NAME, /* there, and in the setting */
	PG_TRACE_SETTING,		   /* in outbox.traceparent */
	PG_TRACE_OFF
} PgTrace;

typedef struct PgTargetConfig
{
	const char *conninfo;
	const char *group;
	const Handlers *handlers;
	int64_t connect_timeout_usec;
	int64_t statement_timeout_usec;
	int64_t batch_timeout_usec; /* for all that a request takes */
	int64_t retention_usec;		/* of ids */
	PgTrace trace;
	/* Of all connections of a process: what one has met, none goes behind. */
	ServerIdentity *latest;
} PgTargetConfig;

/* NULL without memory.  What the configuration points to is borrowed. */
extern Target *pg_target_create(const PgTargetConfig *config);

#endif
