/*
 * poller.c
 *	  ppoll(2), and signals through a pipe.
 *
 * Signals belong to the process, so one poller at a time has them: the pipe and
 * the counters are static.  Slot 0 of a poller is the pipe's reading end, or -1.
 * A handler counts and writes one byte; a full pipe is no loss, since the count
 * is what matters.
 */
#include "poller.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int caught_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
#define CAUGHT_COUNT ((int) (sizeof(caught_signals) / sizeof(caught_signals[0])))

static int signal_pipe[2] = {-1, -1};
static _Atomic int signal_counts[CAUGHT_COUNT];

static void
on_signal(int signo)
{
	int saved_errno = errno;

	for (int i = 0; i < CAUGHT_COUNT; i++)
	{
		if (caught_signals[i] == signo)
			signal_counts[i]++;
	}
	/* A full pipe wakes the poller anyway; the condition is for the compiler. */
	if (write(signal_pipe[1], "", 1) != 1)
		errno = saved_errno;
	errno = saved_errno;
}

static bool
install_handlers(Error *error)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	action.sa_handler = SIG_IGN;
	if (sigaction(SIGPIPE, &action, NULL) != 0)
		return error_bug(error, "could not ignore SIGPIPE: %s", strerror(errno));
	action.sa_handler = on_signal;
	action.sa_flags = SA_RESTART;
	for (int i = 0; i < CAUGHT_COUNT; i++)
	{
		if (sigaction(caught_signals[i], &action, NULL) != 0)
			return error_bug(error, "could not catch signal %d: %s", caught_signals[i],
							 strerror(errno));
	}
	return true;
}

void
poller_init_plain(Poller *poller)
{
	memset(poller, 0, sizeof(*poller));
	poller->fds[0].fd = -1;
	poller->count = 1;
}

bool
poller_init(Poller *poller, Error *error)
{
	poller_init_plain(poller);
	if (signal_pipe[0] >= 0)
		return error_bug(error, "another poller has the signals");
	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
	{
		signal_pipe[0] = signal_pipe[1] = -1;
		return error_bug(error, "could not create the signal pipe: %s", strerror(errno));
	}
	for (int i = 0; i < CAUGHT_COUNT; i++)
		signal_counts[i] = 0;
	poller->fds[0].fd = signal_pipe[0];
	poller->fds[0].events = POLLIN;
	if (!install_handlers(error))
	{
		poller_free(poller);
		return false;
	}
	return true;
}

void
poller_free(Poller *poller)
{
	if (poller->fds[0].fd >= 0)
	{
		struct sigaction action;

		memset(&action, 0, sizeof(action));
		sigemptyset(&action.sa_mask);
		action.sa_handler = SIG_DFL;
		for (int i = 0; i < CAUGHT_COUNT; i++)
			sigaction(caught_signals[i], &action, NULL);
		close(signal_pipe[0]);
		close(signal_pipe[1]);
		signal_pipe[0] = signal_pipe[1] = -1;
	}
	poller_init_plain(poller);
}

int
poller_add(Poller *poller)
{
	int slot = poller->count;

	if (slot >= POLLER_MAX)
		abort();
	poller->fds[slot].fd = -1;
	poller->fds[slot].events = 0;
	poller->fds[slot].revents = 0;
	poller->count++;
	return slot;
}

void
poller_watch(Poller *poller, int slot, int fd, short events)
{
	/* Without events ppoll() would still report a hang-up, again and again. */
	poller->fds[slot].fd = events != 0 ? fd : -1;
	poller->fds[slot].events = events;
	poller->fds[slot].revents = 0;
}

bool
poller_ready(const Poller *poller, int slot)
{
	return poller->fds[slot].revents != 0;
}

/* NULL: without end.  At once when that is past. */
static struct timespec *
time_left(MonoUsec now, MonoUsec wake_at, struct timespec *left)
{
	MonoUsec wait = 0;

	if (wake_at == MONO_NEVER)
		return NULL;
	if (wake_at > now)
		wait = now < 0 && wake_at > INT64_MAX + now ? INT64_MAX : wake_at - now;
	*left = (struct timespec){.tv_sec = (time_t) (wait / USEC_PER_SEC),
							  .tv_nsec = (long) (wait % USEC_PER_SEC) * 1000};
	return left;
}

void
poller_wait(Poller *poller, MonoUsec now, MonoUsec wake_at)
{
	struct timespec left;
	int ready = ppoll(poller->fds, (nfds_t) poller->count, time_left(now, wake_at, &left), NULL);
	char bytes[64];

	if (ready < 0)
	{
		for (int slot = 0; slot < poller->count; slot++)
			poller->fds[slot].revents = 0;
		/* Out of kernel memory: it passes, or it does not, but the loop must not spin. */
		if (errno != EINTR)
			poll(NULL, 0, 10);
	}
	/* Of an interrupted wait it is not known, but then the pipe stays readable. */
	if (poller->fds[0].fd >= 0 && poller->fds[0].revents != 0)
	{
		while (read(poller->fds[0].fd, bytes, sizeof(bytes)) > 0)
			;
	}
}

int
poller_take_signal(Poller *poller, int signo)
{
	(void) poller;
	for (int i = 0; i < CAUGHT_COUNT; i++)
	{
		if (caught_signals[i] == signo)
			return atomic_exchange(&signal_counts[i], 0);
	}
	return 0;
}
