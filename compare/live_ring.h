/*
 * live_ring.h
 *	  The snapshots of the last minutes, as events for browsers.  Not locked.
 */
#ifndef OUTBOX_COMPARE_LIVE_RING_H
#define OUTBOX_COMPARE_LIVE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

#define LIVE_RING_SIZE 1200 /* five minutes, with four a second */
#define LIVE_SNAPSHOT_MAX ((size_t) 256 * 1024)
#define LIVE_EVENT_MAX (LIVE_SNAPSHOT_MAX + 64) /* with what is around it */

typedef struct LiveSnapshot
{
	size_t len;
	char *json; /* one line; NULL: there was no memory for it */
} LiveSnapshot;

/* All zero: nothing was published yet. */
typedef struct LiveRing
{
	LiveSnapshot snapshots[LIVE_RING_SIZE];
	uint64_t published; /* the number of the next */
} LiveRing;

extern void live_ring_free(LiveRing *ring);

/* Copies the text, without its ends of lines; the oldest is forgotten. */
extern void live_ring_put(LiveRing *ring, const char *json, size_t len);

/*
 * The event of snapshot *wanted, or of the first behind it that is still there, in place of what the buffer has;
 * *wanted is the next one's number then.  False: there is none yet, and nothing is changed.  The event is empty when
 * memory was short.
 */
extern bool live_ring_next(const LiveRing *ring, uint64_t *wanted, Buffer *event);

#endif
