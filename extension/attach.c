/*
 * attach.c
 *	  outbox.attach() and outbox.detach(): make and drop the triggers of a captured table.
 *
 * Both run with the caller's rights, and CREATE TRIGGER asks for all of them: TRIGGER on
 * the table and EXECUTE on outbox.capture(); DROP TRIGGER asks for the table's owner.
 * One trigger for each operation, because conditions and transition tables are bound to one.
 *
 * The statements run with the caller's search_path, which the conditions need; everything
 * else in them is qualified.  A condition is an expression and nothing more: what doesn't
 * leave the whole a single CREATE TRIGGER is refused.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "attach_table.h"
#include "capture_args.h"
#include "capture_plan.h"
#include "pg_outbox.h"

PG_FUNCTION_INFO_V1(outbox_attach);
PG_FUNCTION_INFO_V1(outbox_detach);

/* Arguments of outbox.attach(). */
enum
{
	ARG_RELATION,
	ARG_AGGREGATETYPE,
	ARG_KEY,
	ARG_COLUMNS,
	ARG_PAYLOAD,
	ARG_LEVEL,
	ARG_OPERATIONS,
	ARG_DELETES,
	ARG_TRUNCATES,
	ARG_TYPE_FIRST,								  /* one for each CaptureOp */
	ARG_WHEN_FIRST = ARG_TYPE_FIRST + CAPTURE_OPS /* one for each but TRUNCATE */
};

typedef struct Request
{
	bool each_row;
	int ops;				 /* which triggers, by their bits */
	char *when[CAPTURE_OPS]; /* NULL: no condition */
	List *strings;			 /* the arguments of outbox.capture(), as char * */
	AttrNumber *key;
	int key_count;
} Request;

/* ---- arguments ---- */

static char *
text_or_null(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

static void
refuse_choice(const char *name, const char *value, const char *values)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for argument \"%s\" of outbox.attach(): \"%s\"", name, value),
			 errhint("Valid values: %s.", values)));
}

/* The elements of a text[] as char *; NIL for a null. */
static List *
names_of(FunctionCallInfo fcinfo, int arg, const char *name)
{
	List *names = NIL;
	ArrayType *array;
	Datum *elements;
	bool *nulls;
	int count;

	if (PG_ARGISNULL(arg))
		return NIL;
	array = PG_GETARG_ARRAYTYPE_P(arg);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	if (count == 0 || array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" of outbox.attach() must be a list of names", name),
						errdetail(count == 0 ? "It is empty." : "One of them is null."),
						errhint("Leave the argument out to get its default.")));
	for (int i = 0; i < count; i++)
		names = lappend(names, TextDatumGetCString(elements[i]));
	return names;
}

static char *
identifiers(const List *names)
{
	StringInfoData list;
	ListCell *cell;

	initStringInfo(&list);
	foreach (cell, names)
		appendStringInfo(&list, "%s%s", list.len == 0 ? "" : ", ", quote_identifier(lfirst(cell)));
	return list.data;
}

static int
operations(const List *names)
{
	int ops = 0;
	ListCell *cell;

	if (names == NIL)
		return 1 << CAPTURE_INSERT | 1 << CAPTURE_UPDATE | 1 << CAPTURE_DELETE;
	foreach (cell, names)
	{
		int op = 0;

		while (op < CAPTURE_TRUNCATE && strcmp(lfirst(cell), outbox_capture_ops[op]) != 0)
			op++;
		if (op == CAPTURE_TRUNCATE)
			refuse_choice("operations", lfirst(cell), "insert, update, delete");
		ops |= 1 << op;
	}
	return ops;
}

static void
add_option(Request *request, const char *name, const char *value)
{
	if (value != NULL)
		request->strings = lappend(request->strings, psprintf("%s=%s", name, value));
}

/* TRUNCATE takes rows away: who wants to hear of deleted rows wants to hear of these. */
static void
read_truncates(Request *request, const char *truncates)
{
	if (truncates == NULL)
		truncates = (request->ops & 1 << CAPTURE_DELETE) ? "error" : "ignore";
	if (strcmp(truncates, "ignore") == 0)
		return;
	if (strcmp(truncates, "error") != 0 && strcmp(truncates, "event") != 0)
		refuse_choice("truncates", truncates, "error, event, ignore");
	request->ops |= 1 << CAPTURE_TRUNCATE;
	add_option(request, "truncates", truncates);
}

static void
read_level(Request *request, const char *level)
{
	if (level != NULL && strcmp(level, "row") != 0 && strcmp(level, "statement") != 0)
		refuse_choice("level", level, "row, statement");
	request->each_row = level == NULL || strcmp(level, "row") == 0;
}

static void
read_conditions(Request *request, FunctionCallInfo fcinfo)
{
	for (int op = 0; op < CAPTURE_TRUNCATE; op++)
	{
		request->when[op] = text_or_null(fcinfo, ARG_WHEN_FIRST + op);
		if (request->when[op] == NULL)
			continue;
		if (!request->each_row)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("conditions need level => 'row'"),
							errdetail("A trigger for each statement cannot tell rows apart."),
							errhint("Leave out when_%s.", outbox_capture_ops[op])));
		if (!(request->ops & 1 << op))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("when_%s has no operation", outbox_capture_ops[op]),
							errdetail("The argument \"operations\" leaves \"%s\" out.",
									  outbox_capture_ops[op]),
							errhint("Add it to the operations, or leave out when_%s.",
									outbox_capture_ops[op])));
	}
}

/* The first CREATE TRIGGER rebuilds the relation: nothing of it is pointed to. */
static void
read_request(Request *request, FunctionCallInfo fcinfo, Relation rel)
{
	char *aggregatetype = text_or_null(fcinfo, ARG_AGGREGATETYPE);
	List *key = names_of(fcinfo, ARG_KEY, "key");

	memset(request, 0, sizeof(*request));
	read_level(request, text_or_null(fcinfo, ARG_LEVEL));
	request->ops = operations(names_of(fcinfo, ARG_OPERATIONS, "operations"));
	read_conditions(request, fcinfo);

	request->strings =
		list_make2(aggregatetype != NULL ? aggregatetype : pstrdup(RelationGetRelationName(rel)),
				   identifiers(key != NIL ? key : outbox_primary_key(rel)));
	if (!PG_ARGISNULL(ARG_COLUMNS))
		add_option(request, "columns", identifiers(names_of(fcinfo, ARG_COLUMNS, "columns")));
	add_option(request, "payload", text_or_null(fcinfo, ARG_PAYLOAD));
	add_option(request, "deletes", text_or_null(fcinfo, ARG_DELETES));
	read_truncates(request, text_or_null(fcinfo, ARG_TRUNCATES));
	for (int op = 0; op < CAPTURE_OPS; op++)
		add_option(request, psprintf("%s_type", outbox_capture_ops[op]),
				   text_or_null(fcinfo, ARG_TYPE_FIRST + op));
}

/* Has the same code that will read the arguments look at them now. */
static void
check_request(Request *request, Relation rel)
{
	char **strings = palloc(sizeof(char *) * list_length(request->strings));
	const CapturePlan *plan;

	for (int i = 0; i < list_length(request->strings); i++)
		strings[i] = list_nth(request->strings, i);
	plan = outbox_capture_plan_make(rel, NULL, list_length(request->strings), strings);
	request->key_count = plan->key_count;
	request->key = palloc(sizeof(AttrNumber) * plan->key_count);
	for (int i = 0; i < plan->key_count; i++)
		request->key[i] = plan->key[i].attnum;
	if (!request->each_row && rel->rd_rel->relispartition)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("partition \"%s\" cannot be captured by statement",
							   RelationGetRelationName(rel)),
						errdetail("Writes to the partitioned table would not be seen."),
						errhint("Attach the partitioned table, or use level => 'row'.")));
}

/* ---- statements ---- */

static char *
qualified_name(Relation rel)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
									  RelationGetRelationName(rel));
}

static char *
create_trigger(const Request *request, CaptureOp op, const char *table)
{
	static const char *const events[CAPTURE_OPS] = {"INSERT", "UPDATE", "DELETE", "TRUNCATE"};
	static const char *const tables[CAPTURE_OPS] = {
		"REFERENCING NEW TABLE AS outbox_new",
		"REFERENCING OLD TABLE AS outbox_old NEW TABLE AS outbox_new",
		"REFERENCING OLD TABLE AS outbox_old", ""};
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TRIGGER %s AFTER %s ON %s ", outbox_trigger_names[op],
					 events[op], table);
	if (request->each_row && op != CAPTURE_TRUNCATE)
		appendStringInfoString(&sql, "FOR EACH ROW ");
	else
		appendStringInfo(&sql, "%s FOR EACH STATEMENT ", tables[op]);
	/* A comment at its end ends with the line. */
	if (request->when[op] != NULL)
		appendStringInfo(&sql, "WHEN (%s\n) ", request->when[op]);
	appendStringInfo(&sql, "EXECUTE FUNCTION %s.capture(", OUTBOX_SCHEMA);
	foreach (cell, request->strings)
		appendStringInfo(&sql, "%s%s", cell == list_head(request->strings) ? "" : ", ",
						 quote_literal_cstr(lfirst(cell)));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

static void
say_which_statement(void *arg)
{
	errcontext("SQL statement \"%s\"", (const char *) arg);
}

static void
check_condition(const char *sql, const char *when, CaptureOp op)
{
	ErrorContextCallback context;
	List *statements;

	context.callback = say_which_statement;
	context.arg = unconstify(char *, sql);
	context.previous = error_context_stack;
	error_context_stack = &context;
	statements = pg_parse_query(sql);
	error_context_stack = context.previous;
	if (list_length(statements) != 1)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
						errmsg("when_%s must be one expression", outbox_capture_ops[op]),
						errdetail("It is \"%s\".", when),
						errhint("Write, for example, %s.",
								op == CAPTURE_DELETE ? "OLD.total > 0" : "NEW.total > 0")));
}

static void
execute(const char *sql)
{
	int result = SPI_execute(sql, false, 0);

	if (result != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
}

static Oid
relation_argument(FunctionCallInfo fcinfo, const char *function)
{
	if (PG_ARGISNULL(ARG_RELATION))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("%s needs a table", function), errdetail("It got null."),
						errhint("Pass the name of a table, such as 'orders'.")));
	return PG_GETARG_OID(ARG_RELATION);
}

/* outbox.attach(relation, ...) */
Datum
outbox_attach(PG_FUNCTION_ARGS)
{
	Relation rel = outbox_open_to_attach(relation_argument(fcinfo, "outbox.attach()"));
	Request request;
	char *table;

	outbox_capture_check_table(rel);
	read_request(&request, fcinfo, rel);
	outbox_check_not_attached(rel, request.each_row);
	check_request(&request, rel);
	outbox_warn_of_table(rel, request.each_row);
	outbox_warn_of_key(rel, request.key, request.key_count);
	table = qualified_name(rel);
	table_close(rel, NoLock);

	SPI_connect();
	for (int op = 0; op < CAPTURE_OPS; op++)
		if (request.ops & 1 << op)
		{
			char *sql = create_trigger(&request, op, table);

			if (request.when[op] != NULL)
				check_condition(sql, request.when[op], op);
			execute(sql);
		}
	SPI_finish();
	PG_RETURN_VOID();
}

/* outbox.detach(relation) */
Datum
outbox_detach(PG_FUNCTION_ARGS)
{
	Relation rel = outbox_open_to_detach(relation_argument(fcinfo, "outbox.detach()"));
	int ops = outbox_attached_ops(rel);
	char *table = qualified_name(rel);

	table_close(rel, NoLock);
	SPI_connect();
	for (int op = 0; op < CAPTURE_OPS; op++)
		if (ops & 1 << op)
			execute(psprintf("DROP TRIGGER %s ON %s", outbox_trigger_names[op], table));
	SPI_finish();
	PG_RETURN_VOID();
}
