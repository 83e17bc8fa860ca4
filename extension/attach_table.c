/*
 * attach_table.c
 *	  Looks at a table that is to be captured, or no longer to be.
 *
 * Rights are asked for before a lock is taken: who may not capture a table can't make its
 * writers wait either.  The locks are those that CREATE and DROP TRIGGER take, so of two
 * sessions that attach one table the second one sees what the first one made.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "attach_table.h"
#include "compat.h"
#include "pg_outbox.h"

const char *const outbox_trigger_names[CAPTURE_OPS] = {
	"_outbox_capture_insert", "_outbox_capture_update", "_outbox_capture_delete",
	"_outbox_capture_truncate"};

static bool
is_table(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE;
}

/* The name of a plain or partitioned table, or an error. */
static char *
table_name(Oid relid)
{
	char *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid),
						errdetail("It may just have been dropped."), errhint("Name a table.")));
	if (!is_table(get_rel_relkind(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" cannot be captured", name),
				 errdetail("It is neither a table nor a partitioned table."),
				 errhint("Capture the table that the rows are stored in.")));
	return name;
}

static Relation
open_table(Oid relid, LOCKMODE lockmode)
{
	Relation rel = table_open(relid, lockmode);

	/* What was asked before the lock may have been about another table. */
	if (!is_table(rel->rd_rel->relkind))
		elog(ERROR, "relation %u is no table any more", relid);
	return rel;
}

Relation
outbox_open_to_attach(Oid relid)
{
	char *name = table_name(relid);
	AclResult right = pg_class_aclcheck(relid, GetUserId(), ACL_TRIGGER);

	if (right != ACLCHECK_OK)
		aclcheck_error(right, OBJECT_TABLE, name);
	return open_table(relid, ShareRowExclusiveLock);
}

Relation
outbox_open_to_detach(Oid relid)
{
	char *name = table_name(relid);

	if (!outbox_owns_relation(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, name);
	return open_table(relid, AccessExclusiveLock);
}

/* ---- triggers ---- */

static const Trigger *
find_trigger(Relation rel, const char *name)
{
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
		if (strcmp(rel->trigdesc->triggers[i].tgname, name) == 0)
			return &rel->trigdesc->triggers[i];
	return NULL;
}

static Oid
capture_function(void)
{
	return LookupFuncName(list_make2(makeString(OUTBOX_SCHEMA), makeString("capture")), 0, NULL,
						  false);
}

static void
check_no_trigger(Relation rel, const char *name)
{
	const Trigger *trigger = find_trigger(rel, name);

	if (trigger == NULL)
		return;
	if (trigger->tgfoid != capture_function())
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
						errmsg("table \"%s\" has a trigger \"%s\" of another function",
							   RelationGetRelationName(rel), name),
						errdetail("outbox.attach() makes a trigger of this name."),
						errhint("Rename the other trigger.")));
	ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
					errmsg("table \"%s\" is already captured", RelationGetRelationName(rel)),
					trigger->tgisclone
						? errdetail("Its trigger \"%s\" comes from its partitioned table.", name)
						: errdetail("It has a trigger \"%s\".", name),
					errhint("To capture it in another way, call outbox.detach() first%s.",
							trigger->tgisclone ? " for the partitioned table" : "")));
}

/* Do triggers of these kinds, which attach() made, stand in the way of others? */
static bool
is_captured(Relation rel, bool by_row)
{
	Oid function = capture_function();

	for (int op = 0; op < CAPTURE_TRUNCATE; op++)
	{
		const Trigger *trigger = find_trigger(rel, outbox_trigger_names[op]);

		if (trigger != NULL && trigger->tgfoid == function &&
			(TRIGGER_FOR_ROW(trigger->tgtype) != 0) == by_row)
			return true;
	}
	return false;
}

/* The tables that it is a partition of or inherits from, not theirs; as Oids. */
static List *
parents_of(Oid relid)
{
	Relation inherits = table_open(InheritsRelationId, AccessShareLock);
	List *parents = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		parents = lappend_oid(parents, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);
	return parents;
}

static void
refuse_both_levels(Relation by_statement, Relation by_row)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("table \"%s\" cannot be captured by row while \"%s\" is by statement",
					RelationGetRelationName(by_row), RelationGetRelationName(by_statement)),
			 errdetail("Writes to \"%s\" that change rows of \"%s\" would be sent twice.",
					   RelationGetRelationName(by_statement), RelationGetRelationName(by_row)),
			 errhint("Capture \"%s\" alone, or both at the same level.",
					 RelationGetRelationName(by_statement))));
}

/* What a statement changes through a table above is in that table's transition tables, too. */
static void
check_above(Relation rel, Oid relid)
{
	List *parents = parents_of(relid);
	ListCell *cell;

	foreach (cell, parents)
	{
		Relation parent = table_open(lfirst_oid(cell), AccessShareLock);

		if (is_captured(parent, false))
			refuse_both_levels(parent, rel);
		table_close(parent, AccessShareLock);
		check_above(rel, lfirst_oid(cell));
	}
}

void
outbox_check_not_attached(Relation rel, bool each_row)
{
	List *tables = find_all_inheritors(RelationGetRelid(rel), NoLock, NULL);
	bool partitioned = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	ListCell *cell;

	foreach (cell, tables)
	{
		bool itself = lfirst_oid(cell) == RelationGetRelid(rel);
		Relation part = table_open(lfirst_oid(cell), ShareRowExclusiveLock);

		/* Other tables that inherit get no trigger. */
		for (int op = 0; op < CAPTURE_OPS && (itself || partitioned); op++)
			check_no_trigger(part, outbox_trigger_names[op]);
		if (!itself && !each_row && is_captured(part, true))
			refuse_both_levels(rel, part);
		table_close(part, NoLock);
	}
	if (each_row)
		check_above(rel, RelationGetRelid(rel));
}

int
outbox_attached_ops(Relation rel)
{
	Oid function = capture_function();
	int ops = 0;

	for (int op = 0; op < CAPTURE_OPS; op++)
	{
		const Trigger *trigger = find_trigger(rel, outbox_trigger_names[op]);

		if (trigger == NULL || trigger->tgfoid != function)
			continue;
		if (trigger->tgisclone)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("table \"%s\" is captured through its partitioned table",
								   RelationGetRelationName(rel)),
							errdetail("Its triggers come from there."),
							errhint("Call outbox.detach() for the partitioned table.")));
		ops |= 1 << op;
	}
	if (ops == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("table \"%s\" is not captured", RelationGetRelationName(rel)),
						errdetail("It has no trigger that outbox.attach() made."),
						errhint("A trigger of your own goes with DROP TRIGGER.")));
	return ops;
}

/* ---- keys ---- */

/* Does an index keep two rows from having the same key? */
static bool
makes_unique(const FormData_pg_index *index, const AttrNumber *key, int count)
{
	for (int i = 0; i < index->indnkeyatts; i++)
	{
		bool in_key = false;

		for (int j = 0; j < count && !in_key; j++)
			in_key = key[j] == index->indkey.values[i];
		if (!in_key)
			return false;
	}
	return true;
}

/* The first index that fits: the primary key (key NULL), or one that makes a key unique. */
static bool
find_index(Relation rel, const AttrNumber *key, int count, List **columns)
{
	List *indexes = RelationGetIndexList(rel);
	bool found = false;
	ListCell *cell;

	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		const FormData_pg_index *form = index->rd_index;

		if (key == NULL)
			found = form->indisprimary;
		else
			found = form->indisunique && form->indisvalid &&
					RelationGetIndexPredicate(index) == NIL && makes_unique(form, key, count);
		for (int i = 0; found && columns != NULL && i < form->indnkeyatts; i++)
			*columns = lappend(*columns,
							   get_attname(RelationGetRelid(rel), form->indkey.values[i], false));
		index_close(index, AccessShareLock);
		if (found)
			break;
	}
	list_free(indexes);
	return found;
}

List *
outbox_primary_key(Relation rel)
{
	List *columns = NIL;

	if (!find_index(rel, NULL, 0, &columns))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("table \"%s\" has no primary key", RelationGetRelationName(rel)),
						errdetail("Without one, the key columns of its events have to be named."),
						errhint("Pass, for example, key => '{customer_id}'.")));
	return columns;
}

/* ---- warnings ---- */

/*
 * A trigger that fires before ours and changes the row once more: the nested change is
 * captured first.  Whether it does so nobody can know.
 */
static void
warn_of_triggers(Relation rel, bool each_row)
{
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];
		bool for_row = TRIGGER_FOR_ROW(trigger->tgtype);
		bool first = strcmp(trigger->tgname, outbox_trigger_names[CAPTURE_INSERT]) < 0;

		if (trigger->tgisinternal || !TRIGGER_FOR_AFTER(trigger->tgtype) ||
			(each_row ? !for_row || !first : !for_row && !first))
			continue;
		ereport(WARNING,
				(errmsg("trigger \"%s\" of table \"%s\" fires before its rows are captured",
						trigger->tgname, RelationGetRelationName(rel)),
				 errdetail("If it changes captured rows, the events of its changes come before the "
						   "event of the change that fired it."),
				 each_row ? errhint("Give it a name that sorts behind \"%s\".",
									outbox_trigger_names[CAPTURE_UPDATE])
						  : errhint("Use level => 'row' if it does.")));
	}
}

void
outbox_warn_of_table(Relation rel, bool each_row)
{
	const char *name = RelationGetRelationName(rel);

	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		if (!each_row)
			ereport(WARNING,
					(errmsg("writes that name a partition of \"%s\" are not captured", name),
					 errdetail("Triggers for each statement belong to the table that the "
							   "statement names."),
					 errhint("Write to the partitioned table, or use level => 'row'.")));
	}
	else if (find_inheritance_children(RelationGetRelid(rel), NoLock) != NIL)
		ereport(WARNING,
				(errmsg(each_row
							? "rows of tables that inherit from \"%s\" are not captured"
							: "writes that name a table that inherits from \"%s\" are not captured",
						name),
				 errdetail("Triggers are not inherited."), errhint("Attach those tables, too.")));
	warn_of_triggers(rel, each_row);
}

void
outbox_warn_of_key(Relation rel, const AttrNumber *key, int count)
{
	const char *name = RelationGetRelationName(rel);
	Form_pg_attribute first = TupleDescAttr(RelationGetDescr(rel), key[0] - 1);

	if (count == 1 && !first->attnotnull)
		ereport(
			WARNING,
			(errmsg("key column \"%s\" of table \"%s\" may be null", NameStr(first->attname), name),
			 errdetail("Events of such rows have no key, and there is no order between them."),
			 errhint("Declare the column NOT NULL, or choose another one.")));
	if (!find_index(rel, key, count, NULL))
		ereport(WARNING,
				(errmsg("several rows of table \"%s\" may have the same key", name),
				 errdetail("No unique index covers the key columns. A tombstone that one row "
						   "sends stands for all rows of its key."),
				 errhint("Choose the columns of a unique index, unless a key for many rows "
						 "is what you want.")));
}
