/*
 * partition.h
 *	  Where the tables of the extension are, and which partition is written to.
 */
#ifndef PG_OUTBOX_PARTITION_H
#define PG_OUTBOX_PARTITION_H

#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* The tables that the module opens: outbox.event, outbox.rotation, outbox.relay and the three leaves. */
typedef enum OutboxTable
{
	OUTBOX_TABLE_EVENT,
	OUTBOX_TABLE_ROTATION,
	OUTBOX_TABLE_RELAY,
	OUTBOX_TABLE_LEAF /* the first of OUTBOX_PARTITIONS */
} OutboxTable;

extern void outbox_partition_init(void);

/* Without a lock on it; raises an error when it isn't there. */
extern Oid outbox_table_oid(OutboxTable table);

/* Locks and opens a table; raises an error when it isn't there. */
extern Relation outbox_open(OutboxTable table, LOCKMODE lockmode);

/* From 1; rises whenever what a session knows of these tables may have become old. */
extern uint64 outbox_tables_version(void);

/*
 * 0, 1 or 2.  Right for a writer that asks while it holds its lock on outbox.event:
 * a rotation that is committed after it took the lock may be missed until its
 * transaction ends, and outbox.maintain() waits for such transactions.
 */
extern int16 outbox_current_partition(void);

#endif
