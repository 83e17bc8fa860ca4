/*
 * heartbeat.c
 *	  Heartbeats on their way through the WAL.
 *
 * Refuses content that isn't a snapshot in form: anybody who may write logical
 * messages can send one with our prefix.
 *
 * Invariants: at most three are kept; the first that waits is never replaced, so
 * that one gets through however slow Kafka is.
 */
#include "heartbeat.h"

#include <stdlib.h>
#include <string.h>

static void
drop(Heartbeat *heartbeat)
{
	free(heartbeat->snapshot);
	*heartbeat = (Heartbeat){0};
}

void
heartbeats_free(Heartbeats *heartbeats)
{
	drop(&heartbeats->open);
	drop(&heartbeats->first);
	drop(&heartbeats->last);
}

/* "10:20:10,14,15" */
static bool
is_snapshot(const uint8_t *text, size_t len)
{
	int colons = 0;

	for (size_t i = 0; i < len; i++)
	{
		bool digit = text[i] >= '0' && text[i] <= '9';

		if (text[i] == ':')
			colons++;
		else if (!digit && !(text[i] == ',' && colons == 2))
			return false;
	}
	return colons == 2 && len <= HEARTBEAT_SNAPSHOT_MAX;
}

void
heartbeats_take(Heartbeats *heartbeats, const char *slot, ByteView content)
{
	size_t name_len = strlen(slot);
	const uint8_t *snapshot;
	size_t len;

	if (content.len <= name_len || memcmp(content.data, slot, name_len) != 0 ||
		content.data[name_len] != ' ')
		return;
	snapshot = content.data + name_len + 1;
	len = content.len - name_len - 1;
	if (!is_snapshot(snapshot, len))
		return;
	drop(&heartbeats->open);
	heartbeats->open.snapshot = malloc(len + 1);
	if (heartbeats->open.snapshot == NULL)
		return; /* the next one will do */
	memcpy(heartbeats->open.snapshot, snapshot, len);
	heartbeats->open.snapshot[len] = '\0';
}

void
heartbeats_commit(Heartbeats *heartbeats, PgLsn end_lsn, PgUsec commit_time)
{
	Heartbeat *place = heartbeats->first.snapshot == NULL ? &heartbeats->first : &heartbeats->last;

	if (heartbeats->open.snapshot == NULL)
		return;
	drop(place);
	*place = heartbeats->open;
	place->end_lsn = end_lsn;
	place->at = commit_time;
	heartbeats->open = (Heartbeat){0};
}

const Heartbeat *
heartbeats_confirmed(const Heartbeats *heartbeats, PgLsn confirmed)
{
	if (heartbeats->first.snapshot != NULL && heartbeats->first.end_lsn <= confirmed)
		return &heartbeats->first;
	return NULL;
}

void
heartbeats_drop_confirmed(Heartbeats *heartbeats)
{
	drop(&heartbeats->first);
	heartbeats->first = heartbeats->last;
	heartbeats->last = (Heartbeat){0};
}
