/*
 * write.h
 *	  Writes an event: for outbox.emit(), and for whatever else makes events in C.
 */
#ifndef PG_OUTBOX_WRITE_H
#define PG_OUTBOX_WRITE_H

#include "utils/uuid.h"

#include "check.h"

/*
 * Checks an event and writes it in the current transaction, to where pg_outbox.storage
 * says.  given->id NULL: a new id is made.
 *
 * Returns true with the event's id in *id, or false when a trigger or a rule that
 * somebody gave outbox.event dropped the row.  Raises the errors of docs/sql.md, and
 * refuses read-only transactions and parallel mode in the name of the caller, such as
 * "outbox.emit()".
 *
 * It asks for no privilege of the current user: whoever calls it has settled that.
 * (Only a table that somebody gave triggers, rules, row security or constraints is
 * written to with the current user's rights.)  What it allocates lies in the current
 * memory context; a caller that writes many events resets it now and then.  The event's
 * pointers are only read, and not kept.
 */
extern bool outbox_write_event(const OutboxEvent *given, const char *caller, pg_uuid_t *id);

#endif
