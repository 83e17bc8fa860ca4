/*
 * relay_source.h
 *	  The replication connection of the simulation, for relay_source.c and relay_walsender.c alone.
 */
#ifndef OUTBOX_TEST_RELAY_SOURCE_H
#define OUTBOX_TEST_RELAY_SOURCE_H

#include "relay_world.h"

#include "buffer.h"

#define FRAME_MAX 4096
#define STATUSES 64

typedef enum SourcePhase
{
	SOURCE_CONNECTING,
	SOURCE_IDENTIFIED,
	SOURCE_STARTING,
	SOURCE_STREAMING
} SourcePhase;

struct PgSource
{
	ReplSource base;
	SimRelay *relay;
	SourcePhase phase;
	bool closed;
	bool lost;
	bool silent; /* nobody says that it is lost */
	unsigned life;
	MonoUsec ready_at;
	uint64_t looks; /* of its client */
	SourceIdentity identity;
	const TimelineHistory *history;

	/* the walsender */
	PgLsn start;
	int entry;
	int frame; /* of that entry */
	PgLsn sent;
	bool knows_relation;
	bool asked;		  /* for a keepalive */
	PgLsn flushed;	  /* as the client said */
	PgLsn kept_alive; /* in the last keepalive */
	MonoUsec heard_at;
	bool pinged;
	Buffer bytes;

	/* what is on its way to it */
	PgLsn statuses[STATUSES];
	bool asks[STATUSES];
	unsigned queued;
	unsigned left; /* these did */
	unsigned arrived;
	MonoUsec full_until;
};

extern bool source_is_lost(const PgSource *source);
extern bool source_is_attached(const PgSource *source); /* to the slot */

/* --- relay_walsender.c --- */
/* The transaction that comes next; NULL: none is there. */
extern const WalEntry *source_next_entry(const PgSource *source);
/* The next frame of the stream into "bytes"; false: it isn't decoded yet. */
extern bool source_put_next(PgSource *source);
extern void source_put_keepalive(PgSource *source);
extern bool source_wants_keepalive(const PgSource *source);
/* Actions of the agenda. */
extern void source_watch_client(void *object);
extern void source_let_go(void *object);

#endif
