/*
 * failpoint.h
 *	  Places where a test has the program fail, die or stand still.
 *
 *		OUTBOX_FAILPOINTS=mark-sent=crash,event-routed=error@3
 *
 *		error	the step fails there, as it may fail by itself; what it did before is done
 *		crash	the process is killed, as by kill -9
 *		pause	the process is stopped with all of its threads; it goes on when somebody sends SIGCONT
 *
 * They are in a build of its own alone (make FAILPOINTS=1, in build/failpoints).  In any other one a
 * failpoint is the constant false, and nothing of this is in the program.
 *
 * Contract
 *	- NAME=ACTION[@N],...: the action comes when the failpoint is reached for the N-th time, without @N the
 *	  first, and only then.
 *	- A name that the program doesn't have, and all else that isn't to be understood, is an error at the start.
 *	- Whatever comes is told before, in a line on stderr: {"failpoint":"NAME","action":"ACTION","hit":N}.
 *	- A name stands at one place of a program.  --list-failpoints prints all of them, one a line.
 *	- One failpoint is passed by one thread.
 */
#ifndef OUTBOX_COMMON_FAILPOINT_H
#define OUTBOX_COMMON_FAILPOINT_H

#ifdef OUTBOX_FAILPOINTS

#include "error.h"

typedef enum FailpointAction
{
	FAILPOINT_NONE,
	FAILPOINT_FAIL,
	FAILPOINT_CRASH,
	FAILPOINT_PAUSE
} FailpointAction;

typedef struct Failpoint
{
	const char *name;
	FailpointAction action;
	unsigned long at; /* the hit that it comes at */
	unsigned long hits;
} Failpoint;

/* true: the step fails here.  The linker makes the list of all of them. */
#define FAILPOINT(text)                                                                            \
	__extension__({                                                                                \
		static Failpoint failpoint_here = {.name = (text)};                                        \
		static Failpoint *const failpoint_entry                                                    \
			__attribute__((section("outbox_failpoints"), used)) = &failpoint_here;                 \
		failpoint_reached(&failpoint_here);                                                        \
	})
/* The same, with a TRANSIENT error. */
#define FAILPOINT_ERROR(text, error) (FAILPOINT(text) && failpoint_fill((error), (text)))

extern bool failpoint_reached(Failpoint *failpoint);
extern bool failpoint_fill(Error *error, const char *name); /* true */

/* Takes OUTBOX_FAILPOINTS; false with an error (PERMANENT) that says what is wrong with it. */
extern MUST_CHECK bool failpoints_arm(Error *error);
/* Prints the list if that is what the command line asks for. */
extern bool failpoints_listed(int argc, char **argv);

#else

/* Macros, so that not even the debugger's tables know of them. */
#define FAILPOINT(text) false
#define FAILPOINT_ERROR(text, error) ((void) (error), false)
#define failpoints_arm(error) true
#define failpoints_listed(argc, argv) false

#endif

#endif
