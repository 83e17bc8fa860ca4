/*
 * capture_plan.h
 *	  What one trigger of outbox.capture() does with the rows of one table.
 */
#ifndef PG_OUTBOX_CAPTURE_PLAN_H
#define PG_OUTBOX_CAPTURE_PLAN_H

#include "utils/reltrigger.h"
#include "utils/relcache.h"

#include "capture_args.h"
#include "capture_json.h"

typedef struct CapturePlan
{
	text *aggregatetype;
	text *types[CAPTURE_OPS];
	bool row_alone;
	bool delete_event;
	bool delete_tombstone;
	bool truncate_event;
	CaptureColumn *key;
	int key_count;
	CaptureColumn *columns; /* of the payload */
	int column_count;
	AttrNumber last;   /* the last attribute that any of them needs */
	int expected_size; /* of a payload, in bytes: what the largest so far had, within reason */
} CapturePlan;

extern void outbox_capture_plan_init(void);

/* Raises an error for a table of the extension. */
extern void outbox_capture_check_table(Relation rel);

/*
 * Reads the arguments of a trigger and finds their columns, in the current memory context.
 * Raises an error for arguments that are wrong, columns that aren't there and tables
 * that can't be captured.  trigger is its name, or NULL while there is none yet.
 */
extern CapturePlan *outbox_capture_plan_make(Relation rel, const char *trigger, int count,
											 char *const *strings);

/*
 * The same for a trigger that fires, remembered until the table or the trigger changes.
 * The plan lives until the end of the transaction at least.
 */
extern CapturePlan *outbox_capture_plan_find(Relation rel, const Trigger *trigger);

#endif
