/*
 * poison.h
 *	  Events that can never be published: why, and what becomes of them.  Pure.
 *
 * An event is poison when Kafka, or the way there, will refuse it however often it is
 * tried.  What is refused for a reason that may pass, or for one that concerns every
 * event (a wrong configuration, a broker that is away), is none.
 */
#ifndef OUTBOX_RELAY_POISON_H
#define OUTBOX_RELAY_POISON_H

#include "event.h"
#include "route.h"

/* The values of poison.policy, in the order of the option's list. */
typedef enum PoisonPolicy
{
	POISON_STOP,	   /* the relay ends with EXIT_POISON or EXIT_MESSAGE */
	POISON_DEAD_LETTER /* a row in outbox.dead_letter, then the stream goes on */
} PoisonPolicy;

/* The label "reason" of outbox_relay_events_dead_lettered_total. */
typedef enum PoisonCause
{
	POISON_TOO_LARGE,		  /* for the producer, the topic or the broker, or to be made a value */
	POISON_FORBIDDEN_TOPIC,	  /* no right to write to it, or to make it */
	POISON_UNKNOWN_TOPIC,	  /* and topics.create is off */
	POISON_INVALID_TOPIC,	  /* the event makes no legal topic name */
	POISON_INVALID_HEADERS,	  /* none can be made of them */
	POISON_MISSING_FIELD,	  /* that a setting or the profile needs */
	POISON_INVALID_PARTITION, /* the field for it names none of the topic's */
	POISON_INVALID_TIMESTAMP, /* the field for it holds no time since 1970 */
	POISON_NO_EVENT,		  /* a row or a message that can't be decoded as an event */
	POISON_REFUSED			  /* the broker takes the record for invalid */
} PoisonCause;
#define POISON_CAUSE_COUNT (POISON_REFUSED + 1)

/* The event that is in the way. */
typedef struct Poison
{
	PoisonCause cause;
	Error error;	   /* PERMANENT; names the event, never what is in it */
	OutboxEvent event; /* its views live until the source is asked for the next frame */
	bool proven;	   /* the broker itself refused this very event, or its topic */
	bool has_topic;
	uint32_t topic_index; /* in the map, when it is there */
	char topic[TOPIC_NAME_MAX + 1];
} Poison;

/*
 * Given by the ordinary connection alone, when the dead letter of this position is
 * committed in the source database: what lets the stream go on behind the event.
 */
typedef struct DeadLetterReceipt
{
	Position position;
} DeadLetterReceipt;

/* Such as "too_large". */
extern const char *poison_cause_name(PoisonCause cause);

/* Of a Kafka error by its name (Error.code); POISON_REFUSED for what isn't in the list. */
extern PoisonCause poison_cause_of(const char *code);

extern PoisonCause poison_cause_of_route(RouteFault fault);

/*
 * Of a dead letter that the database refused: it is for what is in it, by its SQLSTATE, and would be so again.
 * Another form may do; all else is waited for.
 */
extern bool poison_form_is_refused(const char *sqlstate);

/* An error that is about one event, and permanent. */
extern bool poison_is(const Error *error);

/* Adds to the hint of such an error that there is another policy; nothing under DEAD_LETTER. */
extern void poison_hint(Error *error, PoisonPolicy policy);

#endif
