/*
 * write.c
 *	  Writes an event: what is the same for every caller and every storage.
 *
 * Refuses read-only transactions, parallel mode, what check.c refuses, and, when told to,
 * events that a relay would be too late with (slots.c).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "message.h"
#include "row.h"
#include "slots.h"
#include "trace.h"
#include "uuid7.h"
#include "write.h"

bool
outbox_write_event(const OutboxEvent *given, const char *caller, pg_uuid_t *id)
{
	OutboxEvent event = *given;
	TimestampTz now;

	PreventCommandIfReadOnly(caller);
	PreventCommandIfParallelMode(caller);
	event.headers = outbox_add_trace(event.headers);
	outbox_check_event(&event);
	outbox_check_backpressure();

	now = GetCurrentTimestamp();
	if (event.id != NULL)
		*id = *event.id;
	else
		outbox_uuid7(id, now);
	if (outbox_storage == OUTBOX_STORAGE_TABLE)
		return outbox_write_row(&event, id, now, caller);
	outbox_write_message(&event, id);
	return true;
}
