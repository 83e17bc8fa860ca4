/*
 * emit.c
 *	  outbox.emit(): writes one event in the caller's transaction.
 *
 * The privilege is EXECUTE on the function.  The row goes straight into the
 * current partition by heap_insert(), which knows neither triggers, constraints,
 * row security nor indexes; the checks of check.c are made here instead.  When the
 * table has any of these that the extension didn't make, the row goes through SPI
 * with a saved plan, which honours them all.
 *
 * Refuses read-only transactions and what check.c refuses.
 */
#include "pg_outbox.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

PG_FUNCTION_INFO_V1(outbox_emit_json);
PG_FUNCTION_INFO_V1(outbox_emit_jsonb);
PG_FUNCTION_INFO_V1(outbox_emit_text);
PG_FUNCTION_INFO_V1(outbox_emit_bytea);

/* Columns of outbox.event, in the order of the install script. */
enum
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
};

static Relation
open_in_outbox(const char *name)
{
	Oid relid = get_relname_relid(name, get_namespace_oid(OUTBOX_SCHEMA, false));

	if (!OidIsValid(relid))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation \"outbox.%s\" does not exist", name),
						errhint("Create the extension again: it is damaged.")));
	return table_open(relid, RowExclusiveLock);
}

static bool
has_insert_triggers(Relation rel)
{
	TriggerDesc *triggers = rel->trigdesc;

	return triggers != NULL &&
		   (triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
			triggers->trig_insert_instead_row || triggers->trig_insert_before_statement ||
			triggers->trig_insert_after_statement || triggers->trig_insert_new_table);
}

/* Does the table have nothing but what the extension gave it? */
static bool
is_plain(Relation rel, bool is_leaf, const bool *isnull)
{
	TupleDesc desc = RelationGetDescr(rel);

	if (rel->rd_rel->relrowsecurity || rel->rd_rel->relhasrules || has_insert_triggers(rel))
		return false;
	if (desc->natts != COL_COUNT)
		return false;
	if (!is_leaf)
		return true;
	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rel->relhasindex ||
		rel->rd_tableam != GetHeapamTableAmRoutine())
		return false;
	if (desc->constr != NULL && (desc->constr->num_check > 1 || desc->constr->has_generated_stored))
		return false;
	for (int i = 0; i < COL_COUNT; i++)
		if (TupleDescAttr(desc, i)->attisdropped ||
			(TupleDescAttr(desc, i)->attnotnull && isnull[i]))
			return false;
	return true;
}

/* false: the table isn't plain, nothing was written. */
static bool
insert_into_leaf(Datum *values, bool *isnull)
{
	char leaf_name[NAMEDATALEN];
	Relation root = open_in_outbox("event");
	Relation leaf;
	bool plain;

	/* Only now: opening the table took in what other sessions invalidated. */
	values[COL_ROT] = Int16GetDatum(outbox_current_partition());
	snprintf(leaf_name, sizeof(leaf_name), "event_%d", DatumGetInt16(values[COL_ROT]));
	leaf = open_in_outbox(leaf_name);
	plain = is_plain(root, false, isnull) && is_plain(leaf, true, isnull);
	if (plain)
	{
		HeapTuple tuple = heap_form_tuple(RelationGetDescr(leaf), values, isnull);

		heap_insert(leaf, tuple, GetCurrentCommandId(true), 0, NULL);
		heap_freetuple(tuple);
	}
	table_close(leaf, NoLock);
	table_close(root, NoLock);
	return plain;
}

static void
insert_by_spi(Datum *values, const bool *isnull)
{
	static SPIPlanPtr plan = NULL;
	static const char *const query = "INSERT INTO outbox.event (id, aggregatetype, aggregateid, "
									 "type, payload, payload_bytes, headers) "
									 "VALUES ($1, $2, $3, $4, $5, $6, $7)";
	Oid types[] = {UUIDOID, TEXTOID, TEXTOID, TEXTOID, JSONOID, BYTEAOID, JSONBOID};
	char nulls[lengthof(types)];
	int result;

	for (size_t i = 0; i < lengthof(types); i++)
		nulls[i] = isnull[i] ? 'n' : ' ';
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (plan == NULL)
	{
		SPIPlanPtr prepared = SPI_prepare(query, lengthof(types), types);

		if (prepared == NULL)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(prepared);
		plan = prepared;
	}
	result = SPI_execute_plan(plan, values, nulls, false, 0);
	if (result != SPI_OK_INSERT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	SPI_finish();
}

/* Arguments of every overload: aggregatetype, aggregateid, type, payload, headers, id. */
static Datum
emit(FunctionCallInfo fcinfo, bool has_payload, Datum payload, int payload_column)
{
	Datum values[COL_COUNT] = {0};
	bool isnull[COL_COUNT];
	OutboxEventArgs event = {0};
	pg_uuid_t *id;

	PreventCommandIfReadOnly("outbox.emit()");
	PreventCommandIfParallelMode("outbox.emit()");

	memset(isnull, true, sizeof(isnull));
	for (int i = 0; i < 3; i++)
		if (!PG_ARGISNULL(i))
		{
			values[COL_AGGREGATETYPE + i] = PointerGetDatum(PG_GETARG_TEXT_PP(i));
			isnull[COL_AGGREGATETYPE + i] = false;
		}
	if (has_payload)
	{
		values[payload_column] = payload;
		isnull[payload_column] = false;
	}
	if (!PG_ARGISNULL(4))
	{
		event.headers = PG_GETARG_JSONB_P(4);
		values[COL_HEADERS] = PointerGetDatum(event.headers);
		isnull[COL_HEADERS] = false;
	}
	event.aggregatetype = (text *) DatumGetPointer(values[COL_AGGREGATETYPE]);
	event.aggregateid = (text *) DatumGetPointer(values[COL_AGGREGATEID]);
	event.type = (text *) DatumGetPointer(values[COL_TYPE]);
	event.payload = (struct varlena *) DatumGetPointer(values[COL_PAYLOAD]);
	event.payload_bytes = (struct varlena *) DatumGetPointer(values[COL_PAYLOAD_BYTES]);
	outbox_check_event(&event);

	id = palloc(sizeof(*id));
	if (PG_ARGISNULL(5))
		outbox_uuid7(id);
	else
		memcpy(id, PG_GETARG_UUID_P(5), sizeof(*id));
	values[COL_ID] = UUIDPGetDatum(id);
	values[COL_CREATED_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[COL_XID] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	isnull[COL_ID] = isnull[COL_CREATED_AT] = isnull[COL_XID] = isnull[COL_ROT] = false;
	if (!insert_into_leaf(values, isnull))
		insert_by_spi(values, isnull);
	PG_RETURN_UUID_P(id);
}

Datum
outbox_emit_json(PG_FUNCTION_ARGS)
{
	bool has_payload = !PG_ARGISNULL(3);

	return emit(fcinfo, has_payload,
				has_payload ? PointerGetDatum(PG_GETARG_TEXT_PP(3)) : (Datum) 0, COL_PAYLOAD);
}

Datum
outbox_emit_jsonb(PG_FUNCTION_ARGS)
{
	Datum payload = (Datum) 0;

	if (!PG_ARGISNULL(3))
	{
		char *json = DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(3)));

		payload = PointerGetDatum(cstring_to_text(json));
		pfree(json);
	}
	return emit(fcinfo, !PG_ARGISNULL(3), payload, COL_PAYLOAD);
}

/* For string literals, whose type is unknown, and for text: it has to be JSON. */
Datum
outbox_emit_text(PG_FUNCTION_ARGS)
{
	Datum payload = (Datum) 0;

	if (!PG_ARGISNULL(3))
	{
		char *json = text_to_cstring(PG_GETARG_TEXT_PP(3));

		payload = DirectFunctionCall1(json_in, CStringGetDatum(json));
		pfree(json);
	}
	return emit(fcinfo, !PG_ARGISNULL(3), payload, COL_PAYLOAD);
}

Datum
outbox_emit_bytea(PG_FUNCTION_ARGS)
{
	bool has_payload = !PG_ARGISNULL(3);

	return emit(fcinfo, has_payload,
				has_payload ? PointerGetDatum(PG_GETARG_BYTEA_PP(3)) : (Datum) 0,
				COL_PAYLOAD_BYTES);
}
