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
 */
#ifndef OUTBOX_RELAY_SINK_H
#define OUTBOX_RELAY_SINK_H

#include "error.h"
#include "route.h"
#include "window.h"

typedef struct EventSink EventSink;

typedef struct Delivery
{
	DeliveryToken token;
	bool delivered;
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
	/* Calls back for at most max reports; returns how many there were. */
	int (*drain)(EventSink *sink, DeliveryFn deliver, void *arg, int max);
	int (*fd)(const EventSink *sink); /* readable when drain() has something */
	void (*close)(EventSink *sink);	  /* purges what is queued; does not wait for delivery */
} EventSinkOps;

struct EventSink
{
	const EventSinkOps *ops;
};

#endif
