/*
 * attach_table.h
 *	  What outbox.attach() and outbox.detach() ask about a table.
 */
#ifndef PG_OUTBOX_ATTACH_TABLE_H
#define PG_OUTBOX_ATTACH_TABLE_H

#include "nodes/pg_list.h"
#include "utils/relcache.h"

#include "capture_args.h"

/*
 * The name of the trigger that attach() makes for an operation: _outbox_capture_insert ...
 * Triggers fire in the order of their names, as bytes.  A trigger of the table that changes
 * the row once more has to come later, or the events would come in the wrong order:
 * therefore a name that stands before all that begin with a small letter.
 */
extern const char *const outbox_trigger_names[CAPTURE_OPS];

/*
 * Opens and locks a plain or partitioned table on which the current user may create
 * triggers (attach) or that is the user's own (detach).  Raises an error for others.
 */
extern Relation outbox_open_to_attach(Oid relid);
extern Relation outbox_open_to_detach(Oid relid);

/*
 * Raises an error when the table, or a partition of it, has one of the triggers, or when a
 * table above or below it is captured at the other level and would send its rows again.
 */
extern void outbox_check_not_attached(Relation rel, bool each_row);

/* The operations whose triggers attach() made, by their bits; an error when there are none. */
extern int outbox_attached_ops(Relation rel);

/* The columns of the primary key, as char *; an error when there is none. */
extern List *outbox_primary_key(Relation rel);

/* Warns of changes that won't be seen or not in their order, and of keys that aren't. */
extern void outbox_warn_of_table(Relation rel, bool each_row);
extern void outbox_warn_of_key(Relation rel, const AttrNumber *key, int count);

#endif
