/*
 * row.c
 *	  Writes an event as a row into the current partition of outbox.event.
 *
 * The row goes straight into the partition by heap_insert(), which knows no triggers,
 * constraints, row security, rules or indexes; what the extension's own constraint
 * checks is checked here.  When somebody gave the table any of these, or changed its
 * columns, the row goes through a plain INSERT, which honours them all, with the
 * caller's own rights on the table: the functions of somebody's triggers don't run
 * with more rights by our doing.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "partition.h"
#include "row.h"

#define OUR_CHECK "event_is_valid"

/* Columns of outbox.event, in the order of the install script. */
typedef enum Column
{
	COL_ID,
	COL_AGGREGATETYPE,
	COL_AGGREGATEID,
	COL_TYPE,
	COL_PAYLOAD,
	COL_PAYLOAD_BYTES,
	COL_HEADERS,
	COL_CREATED_AT,
	COL_XID,
	COL_ROT,
	COL_COUNT
} Column;

static const Oid column_types[COL_COUNT] = {UUIDOID,  TEXTOID,	TEXTOID,		TEXTOID, JSONOID,
											BYTEAOID, JSONBOID, TIMESTAMPTZOID, XID8OID, INT2OID};

typedef struct Row
{
	Datum values[COL_COUNT];
	bool isnull[COL_COUNT];
} Row;

static void
set(Row *row, Column column, Datum value)
{
	row->values[column] = value;
	row->isnull[column] = false;
}

static bool
has_insert_triggers(Relation rel)
{
	const TriggerDesc *triggers = rel->trigdesc;

	return triggers != NULL &&
		   (triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
			triggers->trig_insert_instead_row || triggers->trig_insert_before_statement ||
			triggers->trig_insert_after_statement || triggers->trig_insert_new_table);
}

/*
 * Has the table got nothing but what the extension gave it?  relhasrules and
 * relhasindex may still say yes when the last one was dropped.
 */
static bool
is_plain(Relation rel)
{
	return RelationGetDescr(rel)->natts == COL_COUNT && !rel->rd_rel->relrowsecurity &&
		   rel->rd_rules == NULL && !has_insert_triggers(rel) &&
		   (!rel->rd_rel->relhasindex || RelationGetIndexList(rel) == NIL);
}

/* Can the row be put into the leaf without the executor? */
static bool
leaf_takes(Relation leaf, const Row *row)
{
	TupleDesc desc = RelationGetDescr(leaf);
	const TupleConstr *constr = desc->constr;

	if (!is_plain(leaf) || leaf->rd_rel->relkind != RELKIND_RELATION ||
		!leaf->rd_rel->relispartition || leaf->rd_tableam != GetHeapamTableAmRoutine())
		return false;
	if (constr == NULL || constr->num_check != 1 ||
		strcmp(constr->check[0].ccname, OUR_CHECK) != 0 || constr->has_generated_stored)
		return false;
	for (int i = 0; i < COL_COUNT; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (column->attisdropped || column->atttypid != column_types[i] ||
			(column->attnotnull && row->isnull[i]))
			return false;
	}
	return true;
}

/* false: the row has to go another way, and nothing was written. */
static bool
insert_into_leaf(Row *row)
{
	Relation root = outbox_open(OUTBOX_TABLE_EVENT, RowExclusiveLock);
	int16 partition = outbox_current_partition();
	Relation leaf = outbox_open(OUTBOX_TABLE_LEAF + partition, RowExclusiveLock);
	bool fits;

	set(row, COL_XID, FullTransactionIdGetDatum(GetTopFullTransactionId()));
	set(row, COL_ROT, Int16GetDatum(partition));
	fits = is_plain(root) && leaf_takes(leaf, row);
	if (fits)
	{
		HeapTuple tuple = heap_form_tuple(RelationGetDescr(leaf), row->values, row->isnull);

		heap_insert(leaf, tuple, GetCurrentCommandId(true), 0, NULL);
		heap_freetuple(tuple);
	}
	table_close(leaf, NoLock);
	table_close(root, NoLock);
	return fits;
}

static void
say_with_whose_rights(void *arg)
{
	errcontext("%s as a plain INSERT with the caller's rights, because somebody added "
			   "triggers, rules, row security, constraints, columns or an index to outbox.event",
			   (const char *) arg);
}

static SPIPlanPtr
insert_plan(void)
{
	static SPIPlanPtr kept = NULL;
	Oid types[COL_CREATED_AT + 1];
	SPIPlanPtr plan;

	if (kept != NULL)
		return kept;
	memcpy(types, column_types, sizeof(types));
	plan =
		SPI_prepare("INSERT INTO outbox.event (id, aggregatetype, aggregateid, type, payload,"
					" payload_bytes, headers, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
					lengthof(types), types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	kept = plan;
	return kept;
}

/* false: a trigger or a rule of somebody's dropped the row. */
static bool
insert_by_executor(Row *row, const char *caller)
{
	char nulls[COL_CREATED_AT + 1];
	ErrorContextCallback context;
	int result;
	uint64 rows;

	for (int i = 0; i <= COL_CREATED_AT; i++)
		nulls[i] = row->isnull[i] ? 'n' : ' ';

	context.callback = say_with_whose_rights;
	context.arg = unconstify(char *, caller);
	context.previous = error_context_stack;
	error_context_stack = &context;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	result = SPI_execute_plan(insert_plan(), row->values, nulls, false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	rows = SPI_processed;
	SPI_finish();
	error_context_stack = context.previous;
	return rows > 0;
}

static void
set_if(Row *row, Column column, const void *value)
{
	if (value != NULL)
		set(row, column, PointerGetDatum(value));
}

bool
outbox_write_row(const OutboxEvent *event, const pg_uuid_t *id, TimestampTz now, const char *caller)
{
	Row row;

	memset(row.values, 0, sizeof(row.values));
	memset(row.isnull, true, sizeof(row.isnull));
	set(&row, COL_ID, UUIDPGetDatum(id));
	set_if(&row, COL_AGGREGATETYPE, event->aggregatetype);
	set_if(&row, COL_AGGREGATEID, event->aggregateid);
	set_if(&row, COL_TYPE, event->type);
	set_if(&row, COL_PAYLOAD, event->payload);
	set_if(&row, COL_PAYLOAD_BYTES, event->payload_bytes);
	set_if(&row, COL_HEADERS, event->headers);
	set(&row, COL_CREATED_AT, TimestampTzGetDatum(now));
	return insert_into_leaf(&row) || insert_by_executor(&row, caller);
}
