/*
 * capture_args.h
 *	  The arguments of outbox.capture() in CREATE TRIGGER:
 *
 *		outbox.capture('order', 'id')
 *		outbox.capture('order', 'region, id', 'columns=id, total', 'payload=row')
 *
 *	  The aggregate type and the key columns, then options as name=value.  Columns are
 *	  written as in SQL: separated by commas, in double quotes when they need them.
 */
#ifndef PG_OUTBOX_CAPTURE_ARGS_H
#define PG_OUTBOX_CAPTURE_ARGS_H

#include "nodes/pg_list.h"

typedef enum CaptureOp
{
	CAPTURE_INSERT,
	CAPTURE_UPDATE,
	CAPTURE_DELETE,
	CAPTURE_TRUNCATE,
	CAPTURE_OPS
} CaptureOp;

typedef struct CaptureArgs
{
	const char *aggregatetype;		/* makes a legal topic, and is allowed */
	List *key;						/* of char *, at least one */
	List *columns;					/* of char *; NIL: all of them */
	bool row_alone;					/* the payload is the row, without op, before and after */
	bool delete_event;				/* a DELETE sends an event with the old row ... */
	bool delete_tombstone;			/* ... a tombstone, or both in this order */
	bool truncate_event;			/* false: TRUNCATE is an error */
	const char *types[CAPTURE_OPS]; /* of the events */
} CaptureArgs;

/* "insert", "update", "delete", "truncate" */
extern const char *const outbox_capture_ops[CAPTURE_OPS];

/*
 * Raises an error when something is wrong with the arguments by themselves: whether the
 * table has the columns isn't asked.  What args points to lies in the current memory
 * context or in the strings.
 */
extern void outbox_capture_parse(CaptureArgs *args, int count, char *const *strings);

#endif
