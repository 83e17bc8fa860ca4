/*
 * child.h
 *	  Processes that must not outlive us.
 *
 * Each gets a process group of its own (a Ctrl-C at the terminal is ours to pass
 * on), no descriptor but its log, and a signal from the kernel when our main
 * thread dies.  Start children from the main thread only.
 */
#ifndef OUTBOX_COMPARE_CHILD_H
#define OUTBOX_COMPARE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"
#include "interrupt.h"

typedef struct ChildUser
{
	bool change; /* false: stay who we are */
	uid_t uid;
	gid_t gid;
} ChildUser;

typedef struct ChildSpec
{
	const char *name;		 /* for people */
	const char *const *argv; /* argv[0] is searched in PATH when it has no slash */
	const char *const *env;	 /* "NAME=value" to add, ended by NULL; or NULL */
	ChildUser user;
	const char *log_path; /* its output is appended here */
	int death_signal;	  /* what the kernel sends when we die */
} ChildSpec;

typedef struct Child
{
	char name[32];
	char log_path[4096];
	pid_t pid; /* 0: none */
	bool running;
	int status; /* exit status, or 128 + signal, once it has ended */
} Child;

/*
 * Takes out of our own environment what children don't get: libpq would take it for the servers
 * that they are, a PGPASSWORD before the password file.  Before there are threads.
 */
extern void child_forget_environment(void);

extern MUST_CHECK bool child_start(Child *child, const ChildSpec *spec, Error *error);

/* Looks without waiting. */
extern bool child_running(Child *child);

extern void child_signal(Child *child, int signo); /* itself alone */
extern void child_kill(Child *child);			   /* it and its group, at once */

/* Waits for its end; false when it takes longer. */
extern bool child_wait(Child *child, int64_t timeout_usec);

/*
 * Waits for its end and wants status 0.  An interrupt or the time-out end the
 * wait with an error; the child is then killed.
 */
extern MUST_CHECK bool child_finish(Child *child, Interrupt *interrupt, int64_t timeout_usec,
									Error *error);

/* An error that says how it ended, with the last line of its log. */
extern bool child_error(const Child *child, Error *error);

#endif
