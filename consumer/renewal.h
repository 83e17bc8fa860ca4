/*
 * renewal.h
 *	  When a client that may have lost topics for good is given up for a new one.  Pure.
 *
 * librdkafka from 2.4 to 2.9 keeps what it knows of topics in two trees, by name and by
 * id.  When a topic was deleted and made again between two looks, its name comes with
 * another id; then the old entry is freed and stays in the tree of ids.  The entry of the
 * next look is likely to get the same memory: it finds itself there, takes itself for the
 * one before, and is thrown away.  From then on the topic "isn't available" at each look,
 * whatever the brokers say: its partitions go, and a member that leads its group gives them
 * to nobody.  Or something is freed twice, and the process aborts.  Nothing that can be
 * asked of the client mends its trees, and only a new one has others.
 *
 *		         joined               missed                   the pause is over
 *		NEW ────────────▶ MEMBER ──────────────▶ DUE ──────────────────────────▶ NEW
 *		 ▲ │                 │                                                    ▲
 *		 └─┘ missed:         └────────────────────────────────────────────────────┘
 *		     it waits                 replaced: before the next look
 *
 * Of a topic that it reads the library says that it has another id, to those who debug:
 * "replaced".  One that is "missed" may be lost already, because a member that doesn't read
 * it hears of no id; or it is gone, which can't be told.  So a client is given up for one
 * that is gone, too: once, for the next one has never known it.
 */
#ifndef OUTBOX_CONSUMER_RENEWAL_H
#define OUTBOX_CONSUMER_RENEWAL_H

#include <stdbool.h>

#include "clock.h"

/* The revocation of a topic's partitions comes with the news that it isn't there: it goes first. */
#define RENEWAL_SETTLE_USEC USEC_PER_SEC
/* From one renewal to the next: twice as long each time, until there was none for twice that time. */
#define RENEWAL_PAUSE_USEC (10 * USEC_PER_SEC)
#define RENEWAL_PAUSE_MAX_USEC (60 * USEC_PER_SEC)

/* All zero at the start. */
typedef struct Renewal
{
	bool due;
	MonoUsec due_at;
	MonoUsec last; /* when the last one was; only with a pause */
	MonoUsec pause;
} Renewal;

/* Whether the clients of a version, as of rd_kafka_version(), lose topics. */
extern bool renewal_is_for(int version);

/* A topic isn't there; "joined": the client has a place in its group, so it may have known it. */
extern void renewal_missed(Renewal *renewal, bool joined, MonoUsec now);

/*
 * A topic has another id than the client knew.  The look after that one does the damage, and
 * no pause is kept: each of these is a topic that somebody made.
 */
extern void renewal_replaced(Renewal *renewal, MonoUsec now);

/* Whether the client is to be given up now. */
extern bool renewal_is_due(const Renewal *renewal, MonoUsec now);

/* There is a new client, for whatever reason. */
extern void renewal_opened(Renewal *renewal, MonoUsec now);

#endif
