/*
 * live.h
 *	  The live page: what happens right now, in a browser, and orders from there.
 *
 *	GET /				the page; GET /live.css and /live.js belong to it
 *	GET /events			the snapshots as server-sent events: those of the last minutes, then each as it comes
 *	POST /crash/PART	an order, 202 when it was noted
 *	POST /restore/PART	likewise
 *
 * It has a thread of its own; the conductor's loop publishes what it sees and asks for
 * orders, and neither waits for a browser.  An order is taken from this machine alone (peer
 * and Host are the loopback's), from the page itself (Origin, when there is one, is the Host)
 * and with the token that the page holds, so no other site's page can give one.
 *
 * A snapshot is one JSON object.  The page shows "-" for a member that is null or not there.
 *	{"t": 12.25,					seconds since the load's start; falls when the next run starts
 *	 "title": "The target database crashes", "run": "run 1 of 3",	shown as they are
 *	 "scenario": "target-crash", "seed": 1,
 *	 "phase": "starting|calm|fault|recovery|drain|done",
 *	 "duration_s": 20 | null,		of the load; null: until somebody stops it
 *	 "parts": {"app": "up|down|paused|starting|ill", "source": ..., "relay": ..., "broker": ...,
 *			   "consumer": ..., "target": ...},
 *	 "faults": ["crash target"],	those that are in force
 *	 "breaker": "closed|open|half_open" | null,
 *	 "lag": 12 | null, "retained_wal_bytes": 123456 | null,
 *	 "notice": "The relay could not be crashed: ...",	what became of the last order, "" when it was done
 *	 "paths": {"direct": {"title", "offered", "accepted", "rejected", "unknown", "in_target",	counts since t = 0
 *						  "offered_rate", "accepted_rate", "rejected_rate", "unknown_rate", "in_target_rate",	a second
 *						  "p50_ms", "p99_ms",	of the last second
 *						  "freshness_s"}},
 *	 "ledger": null | {"direct": {"closes": true, "durable", "lost", "duplicates", "order_violations",
 *								  "pending", "invented", "unknown_missing"}}}		once it was closed
 */
#ifndef OUTBOX_COMPARE_LIVE_H
#define OUTBOX_COMPARE_LIVE_H

#include <stddef.h>

#include "error.h"

#define LIVE_PART_SIZE 16

typedef struct Live Live;

typedef enum LiveOrder
{
	LIVE_CRASH,
	LIVE_RESTORE
} LiveOrder;

typedef struct LiveCommand
{
	LiveOrder order;
	char part[LIVE_PART_SIZE]; /* app source relay broker consumer target */
} LiveCommand;

typedef struct LiveConfig
{
	const char *listen; /* "127.0.0.1:8088"; port 0: one that is free */
	bool orders;		/* false: the page has no buttons, and a POST is refused */
} LiveConfig;

/* NULL with the Error filled: the address is wrong or in use. */
extern MUST_CHECK Live *live_start(const LiveConfig *config, Error *error);

/* "http://127.0.0.1:8088/", until live_stop(). */
extern const char *live_url(const Live *live);

/* Copies the text; the oldest snapshots are forgotten. */
extern void live_publish(Live *live, const char *json, size_t len);

/* The oldest order that wasn't taken yet; false when there is none.  Never waits. */
extern bool live_command(Live *live, LiveCommand *command);

/* Sends what was published, then ends all connections; NULL is allowed. */
extern void live_stop(Live *live);

#endif
