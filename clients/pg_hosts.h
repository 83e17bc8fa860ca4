/*
 * pg_hosts.h
 *	  The hosts of a connection string, one after the other.
 *
 * libpq goes from one host to the next by itself, but never leaves one that swallows packets
 * when it is polled: the time-out is then the caller's, and it can't be told to go on.  So of
 * several hosts each is given to libpq alone.  Lists come from wherever libpq takes them: the
 * string, the environment, a service file.
 */
#ifndef OUTBOX_CLIENTS_PG_HOSTS_H
#define OUTBOX_CLIENTS_PG_HOSTS_H

#include "clock.h"
#include "error.h"

struct pg_conn;

/* Lists, separated by commas; an empty item means libpq's default. */
typedef struct PgHosts
{
	int count;		   /* 0: unknown yet */
	char *names;	   /* NULL: not given */
	char *addresses;   /* NULL: not given, else as many as names when these are given */
	char *ports;	   /* one for all, or as many */
	MonoUsec patience; /* with each: connect_timeout, or 15 s */
} PgHosts;

/*
 * What the connection was told; it needn't be connected.  EXIT_CONFIG when the lists don't
 * have the same length.
 */
extern MUST_CHECK bool pg_hosts_read(PgHosts *hosts, struct pg_conn *conn, Error *error);
extern void pg_hosts_free(PgHosts *hosts);

/*
 * Fills keywords and values, from place n on, with what leads libpq to one host (3 entries at
 * most); the texts are freed with free().  The new n; -1 without memory, and nothing is filled.
 */
extern int pg_hosts_put(const PgHosts *hosts, int host, const char **keywords, const char **values,
						int n);

#endif
