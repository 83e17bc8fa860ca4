/*
 * pg_left.h
 *	  What a relay has still to publish, asked on an ordinary connection.
 *
 * For commands that are run once: it blocks.  Nothing is changed or confirmed.
 */
#ifndef OUTBOX_RELAY_PG_LEFT_H
#define OUTBOX_RELAY_PG_LEFT_H

#include "pg_link.h"

typedef struct PgLeft
{
	uint64_t rows;	 /* of outbox.event, from before the slot */
	uint64_t events; /* of the stream */
	bool more;		 /* than these: it was enough to know that there are some */
} PgLeft;

/* Rows from before the slot that come before the stream; 0 once they are published. */
extern MUST_CHECK bool pg_left_rows(PgLink *link, const char *slot, uint64_t *rows, Error *error);

/*
 * All of it, up to what is committed when it begins.  The slot must be idle.  Needs
 * REPLICATION, as dropping the slot does, UPDATE on outbox.relay, and for rows from before
 * the slot SELECT on the partitions.  A statement that takes longer than PG_LEFT_SECONDS is
 * given up.  Whatever the Error: what is left isn't known.
 */
#define PG_LEFT_SECONDS 120
extern MUST_CHECK bool pg_left_look(PgLink *link, const char *slot, PgLeft *left, Error *error);

#endif
