/*
 * ring.h
 *	  Which slots of an array are in use when they come and go in turn; the array is its owner's.
 *
 * Refuses nothing: its owner takes no slot while all are used, and none from an empty ring.
 *
 * Invariant: a ring that runs empty starts again at its first slot, so that one that is mostly
 * idle touches little of its memory.
 */
#ifndef OUTBOX_RELAY_RING_H
#define OUTBOX_RELAY_RING_H

#include <stdint.h>

typedef struct Ring
{
	uint32_t size;
	uint32_t first; /* slot of the oldest */
	uint32_t used;
} Ring;

/* offset: from the oldest, below size; with that of "used" it is the next slot to be taken. */
static inline uint32_t
ring_slot(const Ring *ring, uint32_t offset)
{
	uint32_t room_behind_first = ring->size - ring->first;

	return offset < room_behind_first ? ring->first + offset : offset - room_behind_first;
}

/* The newest leaves. */
static inline void
ring_shorten(Ring *ring)
{
	if (--ring->used == 0)
		ring->first = 0;
}

/* The oldest leaves. */
static inline void
ring_drop_first(Ring *ring)
{
	ring->first = ring_slot(ring, 1);
	ring_shorten(ring);
}

#endif
