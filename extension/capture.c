/*
 * capture.c
 *	  outbox.capture(): the trigger function that makes events of changed rows.
 *
 * It writes events without asking for a right of the role that changes the row: the
 * right is EXECUTE on the function, which CREATE TRIGGER asks for.  So a role that writes
 * to a captured table needs nothing of the extension, and can't make events of anything
 * but its changes.
 *
 * For each row, or for each statement with transition tables.  For a statement's UPDATE the
 * rows before and after it are read side by side, as the server stores them.  Where the two
 * have the same key, they are one event.  Everything else is unpaired: each old key gets a
 * tombstone, before all other events of the statement, and each new row an event that has
 * no "before".  So even if the two sides ever came in different orders, the last event of
 * each key would say what has become of it.
 *
 * Refuses to be called otherwise than AFTER, and for a statement without transition tables.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "capture_plan.h"
#include "compat.h"
#include "json_text.h"
#include "write.h"

PG_FUNCTION_INFO_V1(outbox_capture);

#define CALLER "outbox.capture()"

/* As much room as is given to a payload before it is known to need it, in bytes. */
#define MAX_EXPECTED_SIZE 8192

static void
say_which_trigger(void *arg)
{
	const TriggerData *data = arg;

	errcontext("trigger \"%s\" of table \"%s\"", data->tg_trigger->tgname,
			   RelationGetRelationName(data->tg_relation));
}

static void
send_event(CapturePlan *plan, CaptureOp op, text *key, text *payload)
{
	OutboxEvent event = {0};
	pg_uuid_t id;

	event.aggregatetype = plan->aggregatetype;
	event.aggregateid = key;
	event.type = plan->types[op];
	event.payload = payload;
	(void) outbox_write_event(&event, CALLER, &id);
}

/* Without a key there is nothing that a tombstone could stand for. */
static void
send_tombstone(CapturePlan *plan, text *key)
{
	if (key != NULL)
		send_event(plan, CAPTURE_DELETE, key, NULL);
}

static void
append_row_or_null(StringInfo out, const CapturePlan *plan, const TupleTableSlot *slot)
{
	if (slot == NULL)
		text_put_bytes(out, "null", 4);
	else
		outbox_append_row(out, plan->columns, plan->column_count, slot);
}

/* Either of the slots may be NULL.  The letters of "op" are Debezium's. */
static text *
make_payload(CapturePlan *plan, CaptureOp op, const TupleTableSlot *before,
			 const TupleTableSlot *after)
{
	static const char *const heads[CAPTURE_OPS] = {
		"{\"op\":\"c\",\"before\":", "{\"op\":\"u\",\"before\":", "{\"op\":\"d\",\"before\":",
		"{\"op\":\"t\",\"before\":"};
	StringInfoData out;

	text_start(&out, plan->expected_size);
	if (plan->row_alone)
		append_row_or_null(&out, plan, after != NULL ? after : before);
	else
	{
		text_put_string(&out, heads[op]);
		append_row_or_null(&out, plan, before);
		text_put_bytes(&out, ",\"after\":", 9);
		append_row_or_null(&out, plan, after);
		text_put_char(&out, '}');
	}
	plan->expected_size = Max(plan->expected_size, Min(out.len + out.len / 8, MAX_EXPECTED_SIZE));
	return text_finish(&out);
}

static text *
key_of(CapturePlan *plan, const TupleTableSlot *slot)
{
	return outbox_key_text(plan->key, plan->key_count, slot);
}

/* The old row's key when it isn't the new row's, else NULL. */
static text *
abandoned_key(CapturePlan *plan, const TupleTableSlot *before, const TupleTableSlot *after)
{
	text *old_key;
	text *new_key;

	if (!outbox_keys_differ(plan->key, plan->key_count, before, after))
		return NULL;
	/* Values that aren't stored alike may still be written alike. */
	old_key = key_of(plan, before);
	new_key = key_of(plan, after);
	if (old_key == NULL || (new_key != NULL && VARSIZE(old_key) == VARSIZE(new_key) &&
							memcmp(old_key, new_key, VARSIZE(old_key)) == 0))
		return NULL;
	return old_key;
}

/* ---- rows ---- */

static void
row_inserted(CapturePlan *plan, TupleTableSlot *after)
{
	slot_getsomeattrs(after, plan->last);
	send_event(plan, CAPTURE_INSERT, key_of(plan, after),
			   make_payload(plan, CAPTURE_INSERT, NULL, after));
}

static void
row_deleted(CapturePlan *plan, TupleTableSlot *before)
{
	text *key;

	slot_getsomeattrs(before, plan->last);
	key = key_of(plan, before);
	if (plan->delete_event)
		send_event(plan, CAPTURE_DELETE, key, make_payload(plan, CAPTURE_DELETE, before, NULL));
	if (plan->delete_tombstone)
		send_tombstone(plan, key);
}

static void
row_updated(CapturePlan *plan, TupleTableSlot *before, TupleTableSlot *after)
{
	slot_getsomeattrs(before, plan->last);
	slot_getsomeattrs(after, plan->last);
	send_tombstone(plan, abandoned_key(plan, before, after));
	send_event(plan, CAPTURE_UPDATE, key_of(plan, after),
			   make_payload(plan, CAPTURE_UPDATE, before, after));
}

static void
capture_row(CapturePlan *plan, const TriggerData *data)
{
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		row_inserted(plan, data->tg_trigslot);
	else if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
		row_deleted(plan, data->tg_trigslot);
	else
		row_updated(plan, data->tg_trigslot, data->tg_newslot);
}

/* ---- statements ---- */

/* One side of a statement: the rows before it, or those after it. */
typedef struct Side
{
	Tuplestorestate *rows;
	int pointer; /* our own: others read the same rows */
	TupleTableSlot *slot;
} Side;

static void
open_side(Side *side, const TriggerData *data, Tuplestorestate *rows)
{
	side->rows = rows;
	side->pointer = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
	side->slot = MakeSingleTupleTableSlot(RelationGetDescr(data->tg_relation), &TTSOpsMinimalTuple);
}

static void
rewind_side(Side *side)
{
	tuplestore_select_read_pointer(side->rows, side->pointer);
	tuplestore_rescan(side->rows);
}

/* The next row, its values ready up to the last that is needed; NULL after the last one. */
static TupleTableSlot *
next_row(Side *side, const CapturePlan *plan)
{
	tuplestore_select_read_pointer(side->rows, side->pointer);
	if (!tuplestore_gettupleslot(side->rows, true, false, side->slot))
		return NULL;
	slot_getsomeattrs(side->slot, plan->last);
	return side->slot;
}

static void
close_side(Side *side)
{
	ExecDropSingleTupleTableSlot(side->slot);
}

static void
capture_one_side(CapturePlan *plan, const TriggerData *data, Tuplestorestate *rows,
				 void (*capture)(CapturePlan *plan, TupleTableSlot *slot),
				 MemoryContext row_context)
{
	Side side;
	TupleTableSlot *slot;

	open_side(&side, data, rows);
	rewind_side(&side);
	while ((slot = next_row(&side, plan)) != NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(row_context);

		CHECK_FOR_INTERRUPTS();
		capture(plan, slot);
		MemoryContextSwitchTo(before);
		MemoryContextReset(row_context);
	}
	close_side(&side);
}

static void
unpaired_old_row(CapturePlan *plan, const TupleTableSlot *before, const TupleTableSlot *after)
{
	if (before != NULL)
		send_tombstone(plan,
					   after == NULL ? key_of(plan, before) : abandoned_key(plan, before, after));
}

static void
new_row(CapturePlan *plan, const TupleTableSlot *before, const TupleTableSlot *after)
{
	if (after == NULL)
		return;
	if (before != NULL && abandoned_key(plan, before, after) != NULL)
		before = NULL;
	send_event(plan, CAPTURE_UPDATE, key_of(plan, after),
			   make_payload(plan, CAPTURE_UPDATE, before, after));
}

static void
capture_both_sides(CapturePlan *plan, const TriggerData *data, MemoryContext row_context)
{
	static void (*const passes[])(CapturePlan * plan, const TupleTableSlot *before,
								  const TupleTableSlot *after) = {unpaired_old_row, new_row};
	Side old_side;
	Side new_side;

	open_side(&old_side, data, data->tg_oldtable);
	open_side(&new_side, data, data->tg_newtable);
	for (size_t i = 0; i < lengthof(passes); i++)
	{
		rewind_side(&old_side);
		rewind_side(&new_side);
		for (;;)
		{
			TupleTableSlot *before = next_row(&old_side, plan);
			TupleTableSlot *after = next_row(&new_side, plan);
			MemoryContext caller = MemoryContextSwitchTo(row_context);

			CHECK_FOR_INTERRUPTS();
			passes[i](plan, before, after);
			MemoryContextSwitchTo(caller);
			MemoryContextReset(row_context);
			if (before == NULL && after == NULL)
				break;
		}
	}
	close_side(&old_side);
	close_side(&new_side);
}

static void
refuse_missing_table(const TriggerData *data, const char *clause)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("outbox.capture() needs the changed rows"),
			 errdetail("Trigger \"%s\" fires for each statement and has no transition tables.",
					   data->tg_trigger->tgname),
			 errhint("Write %s, or FOR EACH ROW, in CREATE TRIGGER.", clause)));
}

static void
capture_statement(CapturePlan *plan, const TriggerData *data)
{
	MemoryContext row_context;

	row_context =
		AllocSetContextCreate(CurrentMemoryContext, "outbox.capture() row", ALLOCSET_DEFAULT_SIZES);
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
	{
		if (data->tg_newtable == NULL)
			refuse_missing_table(data, "REFERENCING NEW TABLE AS new_rows");
		capture_one_side(plan, data, data->tg_newtable, row_inserted, row_context);
	}
	else if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
	{
		if (data->tg_oldtable == NULL)
			refuse_missing_table(data, "REFERENCING OLD TABLE AS old_rows");
		capture_one_side(plan, data, data->tg_oldtable, row_deleted, row_context);
	}
	else
	{
		if (data->tg_oldtable == NULL || data->tg_newtable == NULL)
			refuse_missing_table(data, "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows");
		capture_both_sides(plan, data, row_context);
	}
	MemoryContextDelete(row_context);
}

static void
capture_truncate(CapturePlan *plan, const TriggerData *data)
{
	if (!plan->truncate_event)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("table \"%s\" is captured and cannot be truncated",
							   RelationGetRelationName(data->tg_relation)),
						errdetail("Its rows would go without an event."),
						errhint("Use DELETE, or capture TRUNCATE as an event "
								"(truncates => 'event').")));
	send_event(plan, CAPTURE_TRUNCATE, NULL, make_payload(plan, CAPTURE_TRUNCATE, NULL, NULL));
}

/* outbox.capture() */
Datum
outbox_capture(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	ErrorContextCallback context;
	CapturePlan *plan;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("outbox.capture() must be called as a trigger"),
						errdetail("It takes its rows from a trigger."),
						errhint("Use outbox.attach() or CREATE TRIGGER.")));
	if (!TRIGGER_FIRED_AFTER(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("outbox.capture() must be called AFTER the change"),
				 errdetail("Trigger \"%s\" fires before it, when the row may still become another.",
						   data->tg_trigger->tgname),
				 errhint("Write AFTER in CREATE TRIGGER.")));

	context.callback = say_which_trigger;
	context.arg = data;
	context.previous = error_context_stack;
	error_context_stack = &context;
	plan = outbox_capture_plan_find(data->tg_relation, data->tg_trigger);
	if (TRIGGER_FIRED_FOR_ROW(data->tg_event))
		capture_row(plan, data);
	else if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		capture_truncate(plan, data);
	else
		capture_statement(plan, data);
	error_context_stack = context.previous;
	return PointerGetDatum(NULL);
}
