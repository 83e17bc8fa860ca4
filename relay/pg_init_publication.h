/*
 * pg_init_publication.h
 *	  init: the publication that the slot's stream is of.
 */
#ifndef OUTBOX_RELAY_PG_INIT_PUBLICATION_H
#define OUTBOX_RELAY_PG_INIT_PUBLICATION_H

#include "pg_init.h"
#include "pg_link.h"
#include "relay_check.h"

/*
 * Makes it, or mends it to exactly what it must be, and says so; facts knows of it then.  false with
 * the Error filled: with a hint where the role lacks the right.
 */
extern MUST_CHECK bool pg_init_publication(PgLink *link, const char *name, RelayFacts *facts,
										   SayFn say, void *arg, Error *error);

#endif
