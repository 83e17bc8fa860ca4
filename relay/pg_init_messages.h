/*
 * pg_init_messages.h
 *	  The part of outbox-relay init that is about logical messages as events.
 *
 * Changes a registration only while no relay of the slot is connected, since a running
 * one would go on as before.  Waits up to ten seconds for transactions that have asked
 * whether they may write messages.
 */
#ifndef OUTBOX_RELAY_PG_INIT_MESSAGES_H
#define OUTBOX_RELAY_PG_INIT_MESSAGES_H

#include "pg_init.h"
#include "pg_link.h"

/* The slot is registered. */
extern MUST_CHECK bool pg_init_messages(PgLink *link, const char *slot, const InitRequest *request,
										SayFn say, void *arg, Error *error);

#endif
