/*
 * unjudged.h
 *	  Events of which it can't be known whether they were applied before, by what their
 *	  headers say, and those whose headers no handler can be given.  Pure.
 *
 * Whoever may write to a topic can make such records.  One becomes a dead letter where
 * handlers make those, as one that can't be applied does; else the consumer stops at it.
 * What outbox_inbox can't tell (OBX03) isn't among them: that is true of many at a time,
 * and somebody has to decide (docs/decisions/0320).
 */
#ifndef OUTBOX_CONSUMER_UNJUDGED_H
#define OUTBOX_CONSUMER_UNJUDGED_H

#define UNJUDGED_SQLSTATE "OBX05" /* of its dead letter; no statement raises it */

typedef enum Unjudged
{
	UNJUDGED_NOT,
	UNJUDGED_POSITION, /* the header is there, and is none */
	UNJUDGED_REPLAYED, /* flagged, and without an id */
	UNJUDGED_HEADERS   /* more of them than a handler can be given */
} Unjudged;

/* "has an invalid header ...", of a record; "" of UNJUDGED_NOT. */
extern const char *unjudged_reason(Unjudged unjudged);
extern const char *unjudged_hint(Unjudged unjudged);

#endif
