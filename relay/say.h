/*
 * say.h
 *	  What a command that is run once tells people while it works.
 */
#ifndef OUTBOX_RELAY_SAY_H
#define OUTBOX_RELAY_SAY_H

#include "error.h"

/* What was done, in words; called for each step.  warning: somebody should do something. */
typedef void (*SayFn)(bool warning, const char *text, void *arg);

/* At most 2 kB: what is longer is cut. */
extern void say_text(SayFn say, void *arg, bool warning, const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
