/*
 * interrupt.h
 *	  Waiting that ends when somebody wants the run to end.
 *
 * SIGINT, SIGTERM and SIGHUP are sticky: after the first, no wait waits.
 */
#ifndef OUTBOX_COMPARE_INTERRUPT_H
#define OUTBOX_COMPARE_INTERRUPT_H

#include <stdbool.h>

#include "clock.h"
#include "error.h"
#include "poller.h"

typedef struct Interrupt
{
	Poller poller;
	bool wanted;
} Interrupt;

extern MUST_CHECK bool interrupt_init(Interrupt *interrupt, Error *error);
extern void interrupt_free(Interrupt *interrupt);

extern bool interrupt_wanted(Interrupt *interrupt);

/* What was wanted until now was seen to; who wants it again says so again. */
extern void interrupt_settle(Interrupt *interrupt);

/* Waits until "at"; false when the run is to end. */
extern bool interrupt_wait(Interrupt *interrupt, MonoUsec at);

#endif
