/*
 * capture_plan.c
 *	  Makes the plans of outbox.capture() and remembers them by trigger.
 *
 * A plan goes stale with any relcache invalidation of its table, which every change of
 * the table and of its triggers sends, and with new casts.  A stale plan may be in use:
 * what it calls (a cast's function) may change the table or write to it.  So it is left to
 * the end of the transaction when the next plan is made, and only its entry goes.
 *
 * Columns are known by their names, as the trigger's arguments have them: attribute
 * numbers differ between the partitions of a table and don't survive a dump.  A name
 * that no longer fits is an error in the writer's transaction; nothing is left out silently.
 *
 * Refuses the extension's own tables: an event would make events.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "capture_plan.h"
#include "compat.h"
#include "pg_outbox.h"

#define FIRST_EXPECTED_SIZE 256

typedef struct KnownPlan
{
	Oid tgoid; /* the key */
	Oid relid;
	bool fresh;
	MemoryContext context;
	CapturePlan *plan;
} KnownPlan;

static HTAB *known = NULL;
static bool any_stale = false;

/* The entry that was asked for last, or NULL. */
static KnownPlan *last_used = NULL;

/* Counts what went stale, so that nothing is remembered that came in between. */
static uint64 invalidations = 0;

static void
forget_table(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	KnownPlan *entry;

	invalidations++;
	if (known == NULL)
		return;
	hash_seq_init(&scan, known);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (!OidIsValid(relid) || entry->relid == relid)
		{
			entry->fresh = false;
			any_stale = true;
		}
}

static void
forget_casts(Datum arg, int cache, uint32 hash)
{
	forget_table(arg, InvalidOid);
}

void
outbox_capture_plan_init(void)
{
	CacheRegisterRelcacheCallback(forget_table, (Datum) 0);
	CacheRegisterSyscacheCallback(CASTSOURCETARGET, forget_casts, (Datum) 0);
}

/* Whoever uses one of these does so in this transaction. */
static void
drop_stale_plans(void)
{
	HASH_SEQ_STATUS scan;
	KnownPlan *entry;

	if (!any_stale)
		return;
	last_used = NULL;
	hash_seq_init(&scan, known);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (!entry->fresh)
		{
			MemoryContextSetParent(entry->context, TopTransactionContext);
			(void) hash_search(known, &entry->tgoid, HASH_REMOVE, NULL);
		}
	any_stale = false;
}

static Form_pg_attribute
find_column(Relation rel, const char *trigger, const char *name)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0)
			return attribute;
	}
	ereport(
		ERROR,
		(errcode(ERRCODE_UNDEFINED_COLUMN),
		 errmsg("column \"%s\" of table \"%s\" does not exist", name, RelationGetRelationName(rel)),
		 trigger == NULL ? errdetail("It was to be captured.")
						 : errdetail("Trigger \"%s\" captures it by this name.", trigger),
		 trigger == NULL ? errhint("Names are taken as they are stored, usually in lower case.")
						 : errhint("If it was renamed or dropped, make the trigger again: "
								   "outbox.detach(), then outbox.attach().")));
	return NULL;
}

static CaptureColumn *
named_columns(Relation rel, const char *trigger, const List *names)
{
	CaptureColumn *columns = palloc0(sizeof(CaptureColumn) * list_length(names));
	int count = 0;
	ListCell *cell;

	foreach (cell, names)
	{
		Form_pg_attribute attribute = find_column(rel, trigger, lfirst(cell));

		if (outbox_is_virtual(attribute))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" of table \"%s\" cannot be captured",
							NameStr(attribute->attname), RelationGetRelationName(rel)),
					 errdetail("It is a virtual generated column, which triggers don't see."),
					 errhint("Make it a stored one, or leave it out.")));
		outbox_column_init(&columns[count++], attribute);
	}
	return columns;
}

static void
all_columns(CapturePlan *plan, Relation rel)
{
	TupleDesc desc = RelationGetDescr(rel);

	plan->columns = palloc0(sizeof(CaptureColumn) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && !outbox_is_virtual(attribute))
			outbox_column_init(&plan->columns[plan->column_count++], attribute);
	}
}

static AttrNumber
last_attribute(const CapturePlan *plan)
{
	AttrNumber last = 0;

	for (int i = 0; i < plan->key_count; i++)
		last = Max(last, plan->key[i].attnum);
	for (int i = 0; i < plan->column_count; i++)
		last = Max(last, plan->columns[i].attnum);
	return last;
}

void
outbox_capture_check_table(Relation rel)
{
	if (RelationGetNamespace(rel) == get_namespace_oid(OUTBOX_SCHEMA, true))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("table \"%s\" cannot be captured", RelationGetRelationName(rel)),
						errdetail("It is in the schema \"%s\", as the events are.", OUTBOX_SCHEMA),
						errhint("Capture the tables that your application writes to.")));
}

CapturePlan *
outbox_capture_plan_make(Relation rel, const char *trigger, int count, char *const *strings)
{
	CapturePlan *plan = palloc0(sizeof(CapturePlan));
	CaptureArgs args;

	outbox_capture_check_table(rel);
	outbox_capture_parse(&args, count, strings);
	plan->aggregatetype = cstring_to_text(args.aggregatetype);
	for (int op = 0; op < CAPTURE_OPS; op++)
		plan->types[op] = cstring_to_text(args.types[op]);
	plan->row_alone = args.row_alone;
	plan->delete_event = args.delete_event;
	plan->delete_tombstone = args.delete_tombstone;
	plan->truncate_event = args.truncate_event;
	plan->key = named_columns(rel, trigger, args.key);
	plan->key_count = list_length(args.key);
	if (args.columns == NIL)
		all_columns(plan, rel);
	else
	{
		plan->columns = named_columns(rel, trigger, args.columns);
		plan->column_count = list_length(args.columns);
	}
	plan->last = last_attribute(plan);
	plan->expected_size = FIRST_EXPECTED_SIZE;
	return plan;
}

static HTAB *
make_table(void)
{
	HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(KnownPlan)};

	return hash_create("pg_outbox captured tables", 16, &control, HASH_ELEM | HASH_BLOBS);
}

CapturePlan *
outbox_capture_plan_find(Relation rel, const Trigger *trigger)
{
	KnownPlan *entry;
	MemoryContext context;
	MemoryContext before;
	CapturePlan *plan;
	uint64 invalidations_before;
	bool found;

	if (last_used != NULL && last_used->tgoid == trigger->tgoid && last_used->fresh)
		return last_used->plan;
	if (known == NULL)
		known = make_table();
	entry = hash_search(known, &trigger->tgoid, HASH_FIND, NULL);
	if (entry != NULL && entry->fresh)
	{
		last_used = entry;
		return entry->plan;
	}

	drop_stale_plans();
	context = AllocSetContextCreate(TopTransactionContext, "pg_outbox captured table",
									ALLOCSET_SMALL_SIZES);
	before = MemoryContextSwitchTo(context);
	invalidations_before = invalidations;
	plan = outbox_capture_plan_make(rel, trigger->tgname, trigger->tgnargs, trigger->tgargs);
	MemoryContextSwitchTo(before);
	if (invalidations != invalidations_before)
		return plan;
	entry = hash_search(known, &trigger->tgoid, HASH_ENTER, &found);
	entry->relid = RelationGetRelid(rel);
	entry->context = context;
	entry->plan = plan;
	entry->fresh = true;
	MemoryContextSetParent(context, CacheMemoryContext);
	return plan;
}
