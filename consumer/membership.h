/*
 * membership.h
 *	  Whether a static member that Kafka fenced may have met itself.  Pure.
 *
 * Kafka fences a member when another one comes with its "consumer.instance_id": for
 * good, and rightly so for one that is in the group.  One that isn't may be its own
 * rival.  When its session ends, librdkafka forgets the member's id; what it sends
 * until it is given another one has the name without the id, and a coordinator that
 * comes back and still has the member takes that for somebody else's.  The same
 * happens when a coordinator ends before it has written down the id that it gave.
 *
 *		           joined                    fenced
 *		OUTSIDE ───────────▶ MEMBER ──────────────────────▶ a rival
 *		 │  ▲                  │
 *		 │  └──────────────────┘ lost
 *		 └─ fenced: joins again, MEMBERSHIP_ATTEMPTS times until it has joined; then a rival
 *
 * So each new attempt costs a session, or the attempts end: two consumers of one name
 * can't fence each other for ever, and a fence as such makes nobody an outsider.
 */
#ifndef OUTBOX_CONSUMER_MEMBERSHIP_H
#define OUTBOX_CONSUMER_MEMBERSHIP_H

#include <stdbool.h>

#define MEMBERSHIP_ATTEMPTS 3

/* All zero at the start: outside. */
typedef struct Membership
{
	bool member;
	int attempts; /* to join again, since it was one */
} Membership;

/* An assignment came, maybe of nothing. */
extern void membership_joined(Membership *membership);

/* The group gave it up, for another reason than that it was fenced. */
extern void membership_lost(Membership *membership);

/* It was fenced: whether it joins again; else there is another one. */
extern bool membership_fenced(Membership *membership);

#endif
