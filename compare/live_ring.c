/*
 * live_ring.c
 *	  An array that is gone around in.
 */
#include "live_ring.h"

#include <stdlib.h>

void
live_ring_free(LiveRing *ring)
{
	for (size_t i = 0; i < LIVE_RING_SIZE; i++)
		free(ring->snapshots[i].json);
}

/* Between the members of JSON a newline is as good as a blank. */
static char *
copy_line(const char *json, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	for (size_t i = 0; i < len; i++)
		copy[i] = json[i] == '\n' || json[i] == '\r' ? ' ' : json[i];
	copy[len] = '\0';
	return copy;
}

void
live_ring_put(LiveRing *ring, const char *json, size_t len)
{
	LiveSnapshot *snapshot = &ring->snapshots[ring->published++ % LIVE_RING_SIZE];

	free(snapshot->json);
	*snapshot = (LiveSnapshot){len, len <= LIVE_SNAPSHOT_MAX ? copy_line(json, len) : NULL};
}

bool
live_ring_next(const LiveRing *ring, uint64_t *wanted, Buffer *event)
{
	const LiveSnapshot *snapshot;

	/* The number is of another server, which had this address before. */
	if (*wanted > ring->published)
		*wanted = 0;
	if (*wanted + LIVE_RING_SIZE < ring->published)
		*wanted = ring->published - LIVE_RING_SIZE;
	if (*wanted >= ring->published)
		return false;
	buffer_reset(event);
	snapshot = &ring->snapshots[*wanted % LIVE_RING_SIZE];
	if (snapshot->json != NULL)
	{
		buffer_printf(event, "id: %llu\ndata: ", (unsigned long long) *wanted);
		buffer_append(event, snapshot->json, snapshot->len);
		buffer_append_str(event, "\n\n");
		if (event->failed)
			buffer_reset(event);
	}
	(*wanted)++;
	return true;
}
