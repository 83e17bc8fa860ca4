/*
 * relay_check_delivery.h
 *	  Where a stream begins when this relay, or the one before it, publishes in Kafka
 *	  transactions.  Pure: facts in, verdict out.
 *
 *	the last one	this one		begins
 *	exactly once	exactly once	where the position topic says
 *	exactly once	at least once	there, too
 *	at least once	exactly once	at the mark, if Kafka has nothing behind it
 *
 * Points are positions before which everything is in Kafka.
 */
#ifndef OUTBOX_RELAY_RELAY_CHECK_DELIVERY_H
#define OUTBOX_RELAY_RELAY_CHECK_DELIVERY_H

#include "relay_check.h"
#include "timeline.h"

/* What is known besides the RelayFacts. */
typedef struct DeliveryFacts
{
	bool exactly_once;		/* this relay */
	const Position *before; /* of the position topic; NULL: it has none */
	const char *written_on; /* the system identifier with it; "": not known */
	bool another_writer;	/* it was written with another transactional id than ours */
	const Position *last;	/* the last event that this process saw committed; NULL: none */
	const Position *tail;	/* the highest in the recorded topics; NULL: none */
	const TimelineHistory *timelines;
	PgLsn flushed;
} DeliveryFacts;

typedef struct DeliveryStart
{
	Position before; /* the stream begins there */
	bool anchor;	 /* it isn't in the position topic yet, or under another relay's id */
	bool record;	 /* another mode than the recorded one: that comes before the first event */
} DeliveryStart;

/* The extension knows how to record it (EXIT_NOT_INITIALIZED). */
extern MUST_CHECK bool relay_check_delivery_column(const RelayFacts *facts, Error *error);

/* EXIT_GAP; EXIT_CONFIG when the mode can't be changed yet. */
extern MUST_CHECK bool relay_check_delivery(const RelayFacts *facts, const DeliveryFacts *delivery,
											DeliveryStart *start, Error *error);

#endif
