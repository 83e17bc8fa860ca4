/*
 * registration.c
 *	  Whether a registered relay takes logical messages as events.
 *
 * A message is in the WAL alone: what no slot holds back for a relay that reads
 * messages is lost.  So the writer asks before each one.  The names of the slots are
 * kept until a relcache invalidation of outbox.relay comes: a trigger on the table
 * sends one whenever a registration comes, goes, or changes in this respect.  Whether
 * the slots are there is read from shared memory each time.
 *
 * The lock mode is one that readers of the table, writers of it and each other don't wait
 * for; outbox-relay init takes EXCLUSIVE, which does, to switch messages off.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xlog.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "partition.h"
#include "registration.h"
#include "slots.h"

/* No version of outbox_tables_version(). */
#define NEVER_READ 0

static NameData *slots = NULL;
static int slot_count = 0;
static uint64 slots_version = NEVER_READ;

static AttrNumber
column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped &&
			namestrcmp(&TupleDescAttr(desc, i)->attname, name) == 0)
			return (AttrNumber) (i + 1);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of outbox.relay does not exist", name),
			 errhint("It belongs to the extension pg_outbox: ALTER EXTENSION pg_outbox UPDATE.")));
}

/* The registration is finished, and for messages. */
static bool
takes_messages(HeapTuple tuple, TupleDesc desc)
{
	bool isnull;
	Datum state = heap_getattr(tuple, column(desc, "state"), desc, &isnull);

	if (isnull || strcmp(TextDatumGetCString(state), "creating") == 0)
		return false;
	return DatumGetBool(heap_getattr(tuple, column(desc, "wal_messages"), desc, &isnull)) &&
		   !isnull;
}

static void
keep_slot(Name name)
{
	Size size = sizeof(NameData) * (slot_count + 1);

	slots = slots == NULL ? MemoryContextAlloc(TopMemoryContext, size) : repalloc(slots, size);
	slots[slot_count++] = *name;
}

static void
read_slots(void)
{
	/* Of before: while the table is opened, it may be forgotten which one it is. */
	uint64 version = outbox_tables_version();
	Relation rel = outbox_open(OUTBOX_TABLE_RELAY, RowShareLock);
	TupleDesc desc = RelationGetDescr(rel);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = outbox_beginscan(rel, snapshot);
	HeapTuple tuple;
	bool isnull;

	/* An error on the way has it read again. */
	slots_version = NEVER_READ;
	slot_count = 0;
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
		if (takes_messages(tuple, desc))
			keep_slot(DatumGetName(heap_getattr(tuple, column(desc, "slot_name"), desc, &isnull)));
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
	slots_version = version;
}

void
outbox_require_reader(void)
{
	if (!XLogLogicalInfoActive())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("pg_outbox.storage = wal needs wal_level = logical"),
						errdetail("With another wal_level nothing reads logical messages."),
						errhint("Set wal_level and restart the server, or set "
								"pg_outbox.storage to table.")));
	/* The lock takes in what other sessions did; the table is opened when it has to be read. */
	LockRelationOid(outbox_table_oid(OUTBOX_TABLE_RELAY), RowShareLock);
	if (slots_version != outbox_tables_version())
		read_slots();
	if (slot_count == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("no relay is registered for logical messages"),
						errdetail("pg_outbox.storage is wal, and no relay would publish the "
								  "event."),
						errhint("Stop the relay, run outbox-relay init --wal-messages=on, and "
								"start it again; or set pg_outbox.storage to table.")));
	if (!outbox_any_slot_alive(slots, slot_count))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no replication slot holds back the WAL for a relay that reads "
						"logical messages"),
				 errdetail("The slot \"%s\" does not exist, or has lost WAL.", NameStr(slots[0])),
				 errhint("Run outbox-relay init --accept-gap, or set pg_outbox.storage "
						 "to table.")));
}
