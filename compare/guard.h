/*
 * guard.h
 *	  A process above the run that leaves nothing behind, whatever ends the run.
 *
 *	outbox-compare (the guard) ── outbox-compare (the run) ── servers, daemons
 *
 * The guard does nothing but wait.  It passes the first SIGINT, SIGTERM or SIGHUP
 * on, and kills the run at another one that comes a second later or more.  When the run has ended it kills all that
 * is left of its descendants (orphans become the guard's own children) and
 * removes the run's directory.  When the guard itself is killed, the run gets
 * SIGTERM from the kernel.
 */
#ifndef OUTBOX_COMPARE_GUARD_H
#define OUTBOX_COMPARE_GUARD_H

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"

typedef enum GuardRole
{
	GUARD_FAILED,
	GUARD_IS_GUARD, /* call guard_watch() */
	GUARD_IS_RUN	/* go on */
} GuardRole;

/* Forks.  Call it before there are threads. */
extern MUST_CHECK GuardRole guard_split(pid_t *run, Error *error);

#define GUARD_INTERRUPTED 130

/* Until the run has ended; its exit status, 128 + signal, or GUARD_INTERRUPTED when it was killed. */
extern int guard_watch(pid_t run, const char *dir, bool keep);

#endif
