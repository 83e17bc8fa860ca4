/*
 * pg_init_gap.h
 *	  What an outbox-relay init that begins a generation takes over from the time before.
 */
#ifndef OUTBOX_RELAY_PG_INIT_GAP_H
#define OUTBOX_RELAY_PG_INIT_GAP_H

#include "pg_link.h"
#include "relay_check.h"
#include "say.h"

/*
 * For outbox-relay replay --gap: the snapshot of the first gap that nobody has filled.  The server is
 * the one that the gap is accepted on; may be called again.
 */
extern MUST_CHECK bool pg_init_remember_gap(PgLink *link, const char *slot,
											const char *system_identifier, SayFn say, void *arg,
											Error *error);

/* Raises *generation to that of the newest dead letter of the source id. */
extern MUST_CHECK bool pg_init_skip_old_letters(PgLink *link, const RelayFacts *facts,
												const char *source_id, uint32_t *generation,
												Error *error);

#endif
