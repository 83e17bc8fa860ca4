/*
 * id_set.h
 *	  Ids of events, each with what is known of it.  Pure; bounded by what it was made for.
 *
 * 48 bytes for each id that there is room for, up to twice as much by the next power of two.  All
 * of it is allocated at once.
 */
#ifndef OUTBOX_RELAY_ID_SET_H
#define OUTBOX_RELAY_ID_SET_H

#include "envelope.h"

typedef struct IdEntry
{
	uint8_t id[UUID_SIZE];
	uint16_t stored;	/* rows of outbox.event; counts stop at their largest value */
	uint16_t found;		/* in topics, not flagged */
	uint16_t replayed;	/* in topics, flagged */
	bool dead_lettered; /* by this relay */
	bool used;
} IdEntry;

typedef struct IdSet IdSet;

extern IdSet *id_set_create(uint64_t ids); /* NULL: out of memory, or far too many */
extern void id_set_free(IdSet *set);
/* The entry, made when it isn't there; NULL: as many as it was made for are in it. */
extern IdEntry *id_set_add(IdSet *set, const uint8_t *id);
extern IdEntry *id_set_find(IdSet *set, const uint8_t *id); /* NULL: not there */
extern uint64_t id_set_count(const IdSet *set);
/* All entries, in no order: from *cursor = 0 until NULL. */
extern IdEntry *id_set_next(IdSet *set, uint64_t *cursor);

#endif
