/*
 * pg_admin.h
 *	  Commands that talk to the target once and end: init and check.  They block.
 */
#ifndef OUTBOX_CONSUMER_PG_ADMIN_H
#define OUTBOX_CONSUMER_PG_ADMIN_H

#include <stdio.h>

#include "error.h"
#include "handlers.h"
#include "target.h"

struct pg_conn;

/*
 * Creates outbox_inbox, or brings one of an earlier layout to this program's;
 * when it is there, that is fine too.  A part that was done stays done.
 */
extern MUST_CHECK bool pg_admin_init(const char *conninfo, int64_t timeout_usec, FILE *out,
									 Error *error);

/*
 * Whether the role has its rights to outbox_inbox; then prepares and explains every
 * handler, which changes nothing, and says of each what is wrong with it, rights to
 * its tables included.  The error is the last.
 */
extern MUST_CHECK bool pg_admin_check(const char *conninfo, int64_t timeout_usec,
									  const Handlers *handlers, FILE *out, Error *error);

/* For pg_redrive.c: a session in the target; NULL with the Error filled. */
extern MUST_CHECK struct pg_conn *pg_admin_connect(const char *conninfo, int64_t timeout_usec,
												   Error *error);
/*
 * The error of a command that tries once: transient when it may pass, as that of a target that is away, and otherwise
 * with its exit status.  Returns false.
 */
extern bool pg_admin_error(const TargetFailure *failure, Error *error);

#endif
