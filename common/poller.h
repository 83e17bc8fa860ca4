/*
 * poller.h
 *	  ppoll(2) over a handful of descriptors, and signals as one of them.
 *
 * A descriptor is watched through a slot that its owner got from poller_add();
 * its interest may change each round, and -1 as descriptor means "not now".
 * Signals are turned into flags by a self-pipe, so no handler does any work.
 */
#ifndef OUTBOX_COMMON_POLLER_H
#define OUTBOX_COMMON_POLLER_H

#include <poll.h>
#include <stdbool.h>

#include "clock.h"
#include "error.h"

#define POLLER_MAX 32

typedef struct Poller
{
	struct pollfd fds[POLLER_MAX];
	int count;
} Poller;

/*
 * Ignores SIGPIPE, catches SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 for the
 * process.  One poller at a time has the signals.
 */
extern MUST_CHECK bool poller_init(Poller *poller, Error *error);
/* A poller without the signals, for another thread or a helper; needs no poller_free(). */
extern void poller_init_plain(Poller *poller);
/* Gives the caught signals their default action again; SIGPIPE stays ignored. */
extern void poller_free(Poller *poller);

extern int poller_add(Poller *poller); /* a slot number; beyond POLLER_MAX - 1 of them it aborts */
/* fd -1 or no events: not now. */
extern void poller_watch(Poller *poller, int slot, int fd, short events);
/* After poller_wait: an event, a hang-up or an error came; false again once poller_watch was called. */
extern bool poller_ready(const Poller *poller, int slot);

/*
 * Waits until a descriptor is ready, a signal comes, or wake_at (MONO_NEVER: no
 * limit; in the past: do not wait).  Interrupted waits return early.
 */
extern void poller_wait(Poller *poller, MonoUsec now, MonoUsec wake_at);

/* How often the signal came since the last call for it; resets the count. */
extern int poller_take_signal(Poller *poller, int signo);

#endif
