/*
 * partition.c
 *	  Which of the three partitions is written to.
 *
 * The answer is a row in outbox.rotation, kept in a static variable until a
 * relcache invalidation of that table clears it: outbox.maintain() sends one when
 * it rotates.  A session may write to the old partition once more after a
 * rotation; retention is measured long after that.
 */
#include "pg_outbox.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(outbox_current_partition_sql);
PG_FUNCTION_INFO_V1(outbox_partition_changed);

static int16 cached_partition = -1;
static Oid rotation_oid = InvalidOid;

static void
forget_partition(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == rotation_oid)
		cached_partition = -1;
}

void
outbox_partition_init(void)
{
	CacheRegisterRelcacheCallback(forget_partition, (Datum) 0);
}

static Oid
find_rotation(void)
{
	Oid schema = get_namespace_oid(OUTBOX_SCHEMA, false);
	Oid relid = get_relname_relid("rotation", schema);

	if (!OidIsValid(relid))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation \"outbox.rotation\" does not exist"),
						errhint("Create the extension again: it is damaged.")));
	return relid;
}

int16
outbox_current_partition(void)
{
	Relation rel;
	Snapshot snapshot;
	TableScanDesc scan;
	HeapTuple tuple;
	int16 current = -1;

	if (cached_partition >= 0)
		return cached_partition;

	/* What is committed now counts, whatever the transaction's snapshot is. */
	rotation_oid = find_rotation();
	rel = table_open(rotation_oid, AccessShareLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	scan = table_beginscan(rel, snapshot, 0, NULL);
	tuple = heap_getnext(scan, ForwardScanDirection);
	if (tuple != NULL)
	{
		bool isnull;

		current = DatumGetInt16(heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull));
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	if (current < 0 || current >= OUTBOX_PARTITIONS)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("outbox.rotation does not name the current partition"),
						errhint("Insert its row again: (0, now()).")));
	cached_partition = current;
	return current;
}

Datum
outbox_current_partition_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16(outbox_current_partition());
}

/* Row trigger on outbox.rotation: tells every session, when this transaction commits. */
Datum
outbox_partition_changed(PG_FUNCTION_ARGS)
{
	cached_partition = -1;
	CacheInvalidateRelcacheByRelid(find_rotation());
	return PointerGetDatum(NULL);
}
