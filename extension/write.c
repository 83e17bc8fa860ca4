/*
 * write.c
 *	  Writes an event: what is the same for every caller and every storage.
 *
 * Refuses read-only transactions, parallel mode, what check.c refuses, and, when told to,
 * events that a relay would be too late with (slots.c).
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "message.h"
#include "row.h"
#include "slots.h"
#include "trace.h"
#include "uuid7.h"
#include "write.h"

/* With a hint, which the server's own functions for this don't give. */
static void
refuse_if_read_only(const char *caller)
{
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s in a read-only transaction", caller),
				 errdetail("An event is written in the transaction that it belongs to."),
				 errhint("Use a READ WRITE transaction on a server that is not in recovery.")));
	if (IsInParallelMode())
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_STATE),
						errmsg("cannot execute %s during a parallel operation", caller),
						errdetail("Parallel workers write nothing."),
						errhint("Mark functions that write events PARALLEL UNSAFE.")));
}

bool
outbox_write_event(const OutboxEvent *given, const char *caller, pg_uuid_t *id)
{
	OutboxEvent event = *given;
	TimestampTz now;

	refuse_if_read_only(caller);
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
