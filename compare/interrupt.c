/*
 * interrupt.c
 *	  Signals as a reason to stop waiting.
 */
#include "interrupt.h"

#include <signal.h>

bool
interrupt_init(Interrupt *interrupt, Error *error)
{
	interrupt->wanted = false;
	return poller_init(&interrupt->poller, error);
}

void
interrupt_free(Interrupt *interrupt)
{
	poller_free(&interrupt->poller);
}

bool
interrupt_wanted(Interrupt *interrupt)
{
	if (poller_take_signal(&interrupt->poller, SIGINT) +
			poller_take_signal(&interrupt->poller, SIGTERM) +
			poller_take_signal(&interrupt->poller, SIGHUP) >
		0)
		interrupt->wanted = true;
	return interrupt->wanted;
}

void
interrupt_settle(Interrupt *interrupt)
{
	interrupt->wanted = false;
}

bool
interrupt_wait(Interrupt *interrupt, MonoUsec at)
{
	MonoUsec now;

	while (!interrupt_wanted(interrupt) && (now = clock_mono()) < at)
		poller_wait(&interrupt->poller, now, at);
	return !interrupt->wanted;
}
