/*
 * pg_failure.h
 *	  Errors of the server and of libpq as failures of the target.
 *
 * Messages hold the server's primary message, without values (sqlstate.h), and
 * its hint; never DETAIL or CONTEXT, which print rows.
 */
#ifndef OUTBOX_CONSUMER_PG_FAILURE_H
#define OUTBOX_CONSUMER_PG_FAILURE_H

#include "handlers.h"
#include "target.h"

struct pg_conn;
struct pg_result;

/* All fill the failure with "could not <doing>: <message>". */
extern void pg_failure_result(TargetFailure *failure, const struct pg_result *result,
							  const char *doing);
extern void pg_failure_lost(TargetFailure *failure, const struct pg_conn *conn, const char *doing);
extern void pg_failure_connect(TargetFailure *failure, const struct pg_conn *conn);
extern void pg_failure_timeout(TargetFailure *failure, const char *doing, int64_t after_usec);
extern void pg_failure_memory(TargetFailure *failure);

/* The same of a handler's statement, with line and column. */
extern void pg_failure_handler(TargetFailure *failure, const struct pg_result *result,
							   const Handler *handler);
/* The same of a statement of ours on outbox_inbox. */
extern void pg_failure_inbox(TargetFailure *failure, const struct pg_result *result,
							 const char *doing);

#endif
