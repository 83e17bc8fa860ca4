/*
 * row.h
 *	  An event as a row of outbox.event (pg_outbox.storage = table).
 */
#ifndef PG_OUTBOX_ROW_H
#define PG_OUTBOX_ROW_H

#include "datatype/timestamp.h"

#include "check.h"

/*
 * Writes a checked event into the current partition.  false: a trigger or a rule of
 * somebody's dropped it.
 */
extern bool outbox_write_row(const OutboxEvent *event, const pg_uuid_t *id, TimestampTz now,
							 const char *caller);

#endif
