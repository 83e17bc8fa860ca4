/*
 * pg_link.h
 *	  A libpq connection that is made without blocking.  Shared by pg_source,
 *	  pg_registry and pg_init.
 *
 * Host names are looked up by the system's resolver, which blocks.
 */
#ifndef OUTBOX_RELAY_PG_LINK_H
#define OUTBOX_RELAY_PG_LINK_H

#include "clock.h"
#include "error.h"

struct pg_conn;

typedef struct PgLink
{
	struct pg_conn *conn; /* NULL: closed */
	short wants;		  /* poll events while connecting; 0 once connected */
	MonoUsec deadline;
} PgLink;

#define PG_LINK_CLOSED ((PgLink){0})

/* EXIT_CONFIG for a string that can't be tried (pg_conninfo.c). */
extern MUST_CHECK bool pg_link_check_conninfo(const char *conninfo, Error *error);

extern MUST_CHECK bool pg_link_start(PgLink *link, const char *conninfo, bool replication,
									 MonoUsec now, Error *error);
/* IO_OK: connected, and non-blocking; IO_AGAIN; IO_FAILED. */
extern MUST_CHECK IoResult pg_link_poll(PgLink *link, MonoUsec now, Error *error);
/* Connects, and waits for it; the connection blocks.  For commands that do one thing. */
extern MUST_CHECK bool pg_link_connect(PgLink *link, const char *conninfo, bool replication,
									   Error *error);
extern int pg_link_fd(const PgLink *link); /* -1 when closed */
extern void pg_link_close(PgLink *link);   /* doesn't wait for the server */

#endif
