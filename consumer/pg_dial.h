/*
 * pg_dial.h
 *	  A connection to the target while it is made: one host after the other.
 *
 * Each host of the connection string is given to libpq alone (pg_hosts.h), in the
 * order of the string, and has the whole time-out to answer.  Who connects may
 * find that a server won't do, and go on to the next.  Nothing blocks but the
 * look-up of a name.
 */
#ifndef OUTBOX_CONSUMER_PG_DIAL_H
#define OUTBOX_CONSUMER_PG_DIAL_H

#include "clock.h"
#include "pg_hosts.h"
#include "target.h"

struct pg_conn;

typedef enum PgDialState
{
	PG_DIAL_WAITS, /* for the socket, as "wants" says, or the deadline */
	PG_DIAL_CONNECTED,
	PG_DIAL_FAILED /* no host would do; it is closed */
} PgDialState;

typedef struct PgDial
{
	const char *conninfo;
	int64_t timeout_usec; /* with each host */
	struct pg_conn *conn; /* NULL: closed */
	short wants;
	MonoUsec deadline;
	PgHosts hosts;
	int host;
	bool failed;		   /* hosts before this one did, and said */
	TargetFailure failure; /* this */
} PgDial;

/* conninfo borrows.  False: closed, and the failure is filled. */
extern MUST_CHECK bool pg_dial_start(PgDial *dial, const char *conninfo, int64_t timeout_usec,
									 MonoUsec now, TargetFailure *failure);
extern PgDialState pg_dial_poll(PgDial *dial, MonoUsec now, TargetFailure *failure);

/*
 * The server that it came to won't do: goes on with the next host.  False: there is
 * none; it is closed, and the failure is that of all.  When each of them is one of
 * configuration, so is the whole.
 */
extern MUST_CHECK bool pg_dial_next(PgDial *dial, MonoUsec now, TargetFailure *failure);

/* The connection, once it is made; it is the caller's then, and the dial closed. */
extern struct pg_conn *pg_dial_take(PgDial *dial);

extern void pg_dial_close(PgDial *dial);

#endif
