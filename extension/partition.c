/*
 * partition.c
 *	  Which of the three partitions is written to, and where the tables are.
 *
 * The answer is a row in outbox.rotation.  It is kept in a static variable until a
 * relcache invalidation of that table comes: a trigger on the table sends one with
 * every change, and with it goes whatever else is known here.  A session takes
 * invalidations in when it gets a lock that it didn't hold, so a writer learns of a
 * rotation no later than with its next transaction's lock on outbox.event.
 *
 * What is read is what is committed now, whatever the transaction's snapshot is: a
 * REPEATABLE READ transaction must not write into a partition that was closed
 * before it began to write.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "partition.h"
#include "pg_outbox.h"

#define TABLE_COUNT (OUTBOX_TABLE_LEAF + OUTBOX_PARTITIONS)
#define UNKNOWN (-1)

PG_FUNCTION_INFO_V1(outbox_current_partition_sql);
PG_FUNCTION_INFO_V1(outbox_partition_changed);
PG_FUNCTION_INFO_V1(outbox_relay_changed);

static const char *const table_names[TABLE_COUNT] = {"event",	"rotation", "relay",
													 "event_0", "event_1",	"event_2"};
static Oid table_oids[TABLE_COUNT];
static int16 current_partition = UNKNOWN;

/* Counts what was forgotten, so that nothing is remembered that came in between. */
static uint64 forgotten = 1;

static void
forget(Datum arg, Oid relid)
{
	bool ours = !OidIsValid(relid);

	for (int i = 0; i < TABLE_COUNT && !ours; i++)
		ours = relid == table_oids[i];
	if (!ours)
		return;
	memset(table_oids, 0, sizeof(table_oids));
	current_partition = UNKNOWN;
	forgotten++;
}

void
outbox_partition_init(void)
{
	CacheRegisterRelcacheCallback(forget, (Datum) 0);
}

Oid
outbox_table_oid(OutboxTable table)
{
	uint64 before = forgotten;
	Oid relid = table_oids[table];
	Oid schema;

	if (OidIsValid(relid))
		return relid;
	schema = get_namespace_oid(OUTBOX_SCHEMA, true);
	if (OidIsValid(schema))
		relid = get_relname_relid(table_names[table], schema);
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s.%s\" does not exist", OUTBOX_SCHEMA, table_names[table]),
				 errhint("It belongs to the extension pg_outbox: create it again.")));
	if (before == forgotten)
		table_oids[table] = relid;
	return relid;
}

Relation
outbox_open(OutboxTable table, LOCKMODE lockmode)
{
	for (;;)
	{
		Oid relid = outbox_table_oid(table);

		/* The lock takes in what other sessions did; they may have replaced the table. */
		LockRelationOid(relid, lockmode);
		if (outbox_table_oid(table) == relid)
			return table_open(relid, NoLock);
		UnlockRelationOid(relid, lockmode);
	}
}

uint64
outbox_tables_version(void)
{
	return forgotten;
}

static int16
read_current_partition(void)
{
	Relation rel = outbox_open(OUTBOX_TABLE_ROTATION, AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = outbox_beginscan(rel, snapshot);
	HeapTuple tuple = heap_getnext(scan, ForwardScanDirection);
	int16 current = UNKNOWN;
	bool isnull;

	if (tuple != NULL)
		current = DatumGetInt16(heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull));
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	if (current < 0 || current >= OUTBOX_PARTITIONS)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("outbox.rotation does not name the current partition"),
						errhint("INSERT INTO outbox.rotation (current) VALUES (0);")));
	return current;
}

int16
outbox_current_partition(void)
{
	if (current_partition == UNKNOWN)
	{
		uint64 before = forgotten;
		int16 current = read_current_partition();

		if (before != forgotten)
			return current;
		current_partition = current;
	}
	return current_partition;
}

/* outbox.current_partition() */
Datum
outbox_current_partition_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16(outbox_current_partition());
}

static Datum
invalidate(FunctionCallInfo fcinfo, const char *function)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("%s must be called as a trigger", function)));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

/* Statement trigger on outbox.rotation: tells every session, when the transaction commits. */
Datum
outbox_partition_changed(PG_FUNCTION_ARGS)
{
	return invalidate(fcinfo, "outbox.partition_changed()");
}

/* The same on outbox.relay. */
Datum
outbox_relay_changed(PG_FUNCTION_ARGS)
{
	return invalidate(fcinfo, "outbox.relay_changed()");
}
