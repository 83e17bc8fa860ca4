/*
 * sink.h
 *	  Where events go: a small vtable with kafka_sink behind it, and a fake for
 *	  tests.
 *
 * Contract
 *	- publish() copies what it needs before it returns IO_OK.
 *	- Each published token comes back exactly once from drain(), in any order,
 *	  delivered or failed.  IO_FULL and IO_FAILED: the token never comes back.
 *	- Within one topic and partition events are delivered in the order of
 *	  publish() without a hole, until the first failed delivery; after that the
 *	  sink accepts nothing (publish gives IO_FAILED) until it is replaced: the
 *	  owner closes it, opens a new one and resumes at the first unsettled event.
 *	- A failure says whether the event is certainly not persisted.
 *
 * A sink with transactions (its commit is not NULL) has one open whenever publish() gives
 * IO_OK.  Then
 *	- a report says "written": Kafka has the event, and nobody sees it;
 *	- commit() begins the end of the transaction, together with the position that it
 *	  comes to; until that end is reported publish() gives IO_FULL;
 *	- a report without an event (token 0) says "delivered": all that was written before it
 *	  is now seen, all at once, and the next transaction is open.  It comes behind the
 *	  report of each event of the transaction;
 *	- any failed report ends the sink, and with it the transaction: nobody will see anything
 *	  of it, unless the failure came after commit().  Then only Kafka knows: whoever opens
 *	  the next sink reads there how far the last one came.
 */
#ifndef OUTBOX_RELAY_SINK_H
#define OUTBOX_RELAY_SINK_H

#include "error.h"
#include "route.h"
#include "window.h"

typedef struct EventSink EventSink;

typedef struct Delivery
{
	DeliveryToken token; /* 0: no event, but the transaction */
	bool delivered;
	bool written;				  /* and not delivered: as a part of the open transaction */
	bool certainly_not_persisted; /* of a failed one */
	const char *topic;			  /* of a failed one, until the callback ends; NULL: not known */
	int32_t partition;			  /* with topic */
	Error error; /* of a failed one; PERMANENT when this event can never be accepted */
} Delivery;

typedef void (*DeliveryFn)(const Delivery *delivery, void *arg);

typedef struct EventSinkOps
{
	IoResult (*publish)(EventSink *sink, const RoutedEvent *event, DeliveryToken token,
						Error *error);
	/*
	 * The end of a round: what was published may have been held until now, to go together.  It may fail then; its
	 * report says so.  What would only wait for reports is held on until drain() has had them.
	 */
	void (*release)(EventSink *sink);
	/* Calls back for at most max reports; returns how many there were. */
	int (*drain)(EventSink *sink, DeliveryFn deliver, void *arg, int max);
	int (*fd)(const EventSink *sink); /* readable when drain() has something */
	void (*close)(EventSink *sink);	  /* purges what is queued; does not wait for delivery */
	/*
	 * IO_OK: begun, everything before that position is in it; IO_AGAIN: not now; IO_FAILED as
	 * of publish().  NULL: a sink without transactions.
	 */
	IoResult (*commit)(EventSink *sink, const Position *before, Error *error);
} EventSinkOps;

struct EventSink
{
	const EventSinkOps *ops;
};

#endif
