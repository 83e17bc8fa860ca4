/*
 * pg_source.h
 *	  The replication connection: libpq in COPY BOTH.
 *
 *	connecting -> telling -> identifying -> [history] -> identified -> starting -> streaming
 *														  ^		|
 *														 copying
 *
 * pg_source_advance() moves through it without blocking, up to "identified", and
 * after pg_source_start() up to "streaming"; from then on it is a ReplSource.
 * One connection for each PgSource: after a failure make another one.
 */
#ifndef OUTBOX_RELAY_PG_SOURCE_H
#define OUTBOX_RELAY_PG_SOURCE_H

#include "relay_check.h"
#include "source.h"
#include "timeline.h"

typedef struct PgSource PgSource;

typedef struct SourceIdentity
{
	char system_identifier[24];
	uint32_t timeline;
	PgLsn flushed;					   /* the server's WAL is on its disk up to here */
	char started[SERVER_STARTED_SIZE]; /* when it did, as in RelayFacts */
} SourceIdentity;

/* Texts are copied; host is as in pg_link.h.  NULL with the Error filled. */
extern MUST_CHECK PgSource *pg_source_open(const char *conninfo, const char *slot,
										   const char *publication, int host, MonoUsec now,
										   Error *error);
extern void pg_source_free(PgSource *source); /* NULL is allowed; doesn't wait for the server */

/* IO_OK: identified, or streaming; IO_AGAIN; IO_FAILED.  55006 in sqlstate: the slot is in use. */
extern MUST_CHECK IoResult pg_source_advance(PgSource *source, MonoUsec now, Error *error);
/* What to poll for before streaming. */
extern short pg_source_events(const PgSource *source);

/* Once identified. */
extern const SourceIdentity *pg_source_identity(const PgSource *source);
extern const TimelineHistory *pg_source_timelines(const PgSource *source);
/*
 * Before the start: a temporary copy of the slot is made, which the stream then reads in its
 * place.  The server drops it when this connection ends, however that happens.
 */
extern MUST_CHECK bool pg_source_copy_slot(PgSource *source, const char *copy, Error *error);
extern MUST_CHECK bool pg_source_start(PgSource *source, PgLsn start_lsn, Error *error);

/* Tells the server in COPY BOTH that nothing more comes. */
extern void pg_source_end(PgSource *source);

extern ReplSource *pg_source_stream(PgSource *source);

#endif
