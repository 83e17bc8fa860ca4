/*
 * pg_link.h
 *	  A libpq connection that is made without blocking.  Shared by pg_source,
 *	  pg_registry and pg_init.
 *
 * Of several hosts in the string each is tried in its turn, for connect_timeout or 15 s, until
 * one is what target_session_attrs asks for.  All failed: the error has what each said, and is
 * PERMANENT only when that of each is.  Host names are looked up by the system's resolver, which
 * blocks; of a name with several addresses one that swallows packets is the last that is tried.
 */
#ifndef OUTBOX_RELAY_PG_LINK_H
#define OUTBOX_RELAY_PG_LINK_H

#include "clock.h"
#include "error.h"
#include "pg_hosts.h"

struct pg_conn;
struct pg_result;

typedef void PgNoticeTaker(void *arg, const struct pg_result *result);

typedef struct PgLink
{
	struct pg_conn *conn; /* NULL: closed */
	short wants;		  /* poll events while connecting; 0 once connected */
	MonoUsec deadline;	  /* of this host */

	char *conninfo;
	bool replication;
	PgHosts hosts;
	int host; /* the one that is tried, or connected to: 0 to hosts.count - 1 */
	int last_host;
	Error failure; /* of those before */

	PgNoticeTaker *take_notice; /* NULL: libpq prints what comes */
	void *notice_arg;
} PgLink;

#define PG_LINK_ANY_HOST (-1)

#define PG_LINK_CLOSED ((PgLink){0})

/* host: PG_LINK_ANY_HOST, or that of another link: then it is the only one that is tried. */
extern MUST_CHECK bool pg_link_start(PgLink *link, const char *conninfo, bool replication, int host,
									 MonoUsec now, Error *error);
/* Who is told of the server's notices, whichever host it comes to be. */
extern void pg_link_take_notices(PgLink *link, PgNoticeTaker *take, void *arg);
/* IO_OK: connected, and non-blocking; IO_AGAIN; IO_FAILED. */
extern MUST_CHECK IoResult pg_link_poll(PgLink *link, MonoUsec now, Error *error);
/* Connects, and waits for it; the connection blocks.  For commands that do one thing. */
extern MUST_CHECK bool pg_link_connect(PgLink *link, const char *conninfo, bool replication,
									   Error *error);
extern MUST_CHECK bool pg_link_connect_to(PgLink *link, const char *conninfo, bool replication,
										  int host, Error *error);
/* Of libpq, such as "15.20". */
extern const char *pg_library_version(void);
extern int pg_link_fd(const PgLink *link); /* -1 when closed */
extern void pg_link_close(PgLink *link);   /* doesn't wait for the server */

#endif
