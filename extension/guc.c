/*
 * guc.c
 *	  Defines the settings and answers questions about them.
 *
 * pg_outbox.allowed_types is searched as it is written: a list of names and commas,
 * blanks around a name don't count.  The check hook refuses names that could
 * never be an aggregate type, so nobody waits for one that can't come.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include <limits.h>

#include "check.h"
#include "guc.h"
#include "trace.h"

#define MAX_EVENT_BYTES_DEFAULT (900 * 1024)
#define MAX_EVENT_BYTES_LIMIT (256 * 1024 * 1024)
#define ROTATION_INTERVAL_DEFAULT (12 * 60 * 60)
#define RETENTION_DEFAULT (24 * 60 * 60)
#define MAX_LAG_DEFAULT_KB (1024 * 1024)
#define SLOTS_DEFAULT "pg_outbox"

PG_FUNCTION_INFO_V1(outbox_rotation_settings);

static const struct config_enum_entry storage_options[] = {
	{"table", OUTBOX_STORAGE_TABLE, false}, {"wal", OUTBOX_STORAGE_WAL, false}, {NULL, 0, false}};

static const struct config_enum_entry backpressure_options[] = {
	{"off", OUTBOX_BACKPRESSURE_OFF, false},
	{"warn", OUTBOX_BACKPRESSURE_WARN, false},
	{"error", OUTBOX_BACKPRESSURE_ERROR, false},
	{NULL, 0, false}};

int outbox_max_event_bytes = MAX_EVENT_BYTES_DEFAULT;
int outbox_storage = OUTBOX_STORAGE_TABLE;
int outbox_backpressure = OUTBOX_BACKPRESSURE_OFF;
int outbox_max_lag_kb = MAX_LAG_DEFAULT_KB;
char *outbox_slots = NULL;
static char *allowed_types = NULL;
static int rotation_interval_s = ROTATION_INTERVAL_DEFAULT;
static int retention_s = RETENTION_DEFAULT;

bool
outbox_next_name(const char **list, const char **name, int *len)
{
	const char *start = *list;
	const char *end;

	if (*start == '\0')
		return false;
	end = start + strcspn(start, ",");
	*list = *end == ',' ? end + 1 : end;
	while (start < end && *start == ' ')
		start++;
	while (end > start && end[-1] == ' ')
		end--;
	*name = start;
	*len = (int) (end - start);
	return true;
}

bool
outbox_type_allowed(const char *type, int len)
{
	const char *list = allowed_types;
	const char *name;
	int name_len;

	if (list == NULL || *list == '\0')
		return true;
	while (outbox_next_name(&list, &name, &name_len))
		if (name_len == len && memcmp(name, type, len) == 0)
			return true;
	return false;
}

static bool
check_allowed_types(char **newval, void **extra, GucSource source)
{
	const char *list = *newval;
	const char *name;
	int len;

	while (list != NULL && outbox_next_name(&list, &name, &len))
		if (outbox_illegal_in_type(name, len) != OUTBOX_TYPE_LEGAL)
		{
			GUC_check_errdetail("\"%.*s\" cannot be part of a topic's name.", len, name);
			GUC_check_errhint("Separate the names by commas.");
			return false;
		}
	return true;
}

/* Slot names as the server allows them, and "*". */
static bool
check_slots(char **newval, void **extra, GucSource source)
{
	const char *list = *newval;
	bool any = false;
	const char *name;
	int len;

	while (list != NULL && outbox_next_name(&list, &name, &len))
	{
		if (len == 0 || len >= NAMEDATALEN ||
			strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_*") < (size_t) len)
		{
			GUC_check_errdetail("\"%.*s\" cannot be the name of a slot.", len, name);
			GUC_check_errhint("Separate the names by commas; * stands for any characters.");
			return false;
		}
		any = true;
	}
	if (!any)
	{
		GUC_check_errdetail("It names no slot.");
		GUC_check_errhint("To look at none set pg_outbox.backpressure to off.");
	}
	return any;
}

static void
define_backpressure_settings(void)
{
	DefineCustomEnumVariable(
		"pg_outbox.backpressure", "What writers of events hear when a relay is too far behind.",
		"off: nothing; warn: a warning; error: SQLSTATE OB001.", &outbox_backpressure,
		OUTBOX_BACKPRESSURE_OFF, backpressure_options, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_outbox.max_lag",
							"WAL that a slot may be behind before pg_outbox.backpressure acts.",
							"A slot that is missing or has lost WAL is behind by more than any "
							"limit.",
							&outbox_max_lag_kb, MAX_LAG_DEFAULT_KB, 1, INT_MAX, PGC_SUSET,
							GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomStringVariable("pg_outbox.slots",
							   "Replication slots that pg_outbox.backpressure looks at, separated "
							   "by commas.",
							   "* in a name stands for any characters.", &outbox_slots,
							   SLOTS_DEFAULT, PGC_SUSET, 0, check_slots, NULL, NULL);
}

static void
define_trace_settings(void)
{
	DefineCustomStringVariable(
		"pg_outbox.traceparent", "Header traceparent of events that have none.",
		"As the W3C's Trace Context has it; empty: no header.", &outbox_traceparent, "",
		PGC_USERSET, 0, outbox_check_traceparent, outbox_assign_trace, NULL);
	DefineCustomStringVariable(
		"pg_outbox.tracestate", "Header tracestate that goes with pg_outbox.traceparent.",
		"As the W3C's Trace Context has it; empty: no header.", &outbox_tracestate, "", PGC_USERSET,
		0, outbox_check_tracestate, outbox_assign_trace, NULL);
}

void
outbox_define_settings(void)
{
	DefineCustomEnumVariable("pg_outbox.storage", "Where outbox.emit() writes events.",
							 "table: a row of outbox.event; wal: a logical message, which cannot "
							 "be replayed.",
							 &outbox_storage, OUTBOX_STORAGE_TABLE, storage_options, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	define_backpressure_settings();
	define_trace_settings();
	DefineCustomIntVariable("pg_outbox.max_event_bytes", "Largest event that is accepted.",
							"Counts aggregatetype, aggregateid, type, payload and headers. "
							"Keep it below the topics' max.message.bytes and the relay's "
							"kafka.message.max.bytes.",
							&outbox_max_event_bytes, MAX_EVENT_BYTES_DEFAULT, 1,
							MAX_EVENT_BYTES_LIMIT, PGC_SUSET, GUC_UNIT_BYTE, NULL, NULL, NULL);
	DefineCustomStringVariable("pg_outbox.allowed_types",
							   "Aggregate types that are accepted, separated by commas.",
							   "Empty: every type that makes a legal topic.", &allowed_types, "",
							   PGC_SUSET, 0, check_allowed_types, NULL, NULL);
	DefineCustomIntVariable("pg_outbox.rotation_interval",
							"How long one partition is written to before the next one.",
							"Applied by outbox.maintain(). At least half of pg_outbox.retention "
							"makes partitions of equal size.",
							&rotation_interval_s, ROTATION_INTERVAL_DEFAULT, 0, INT_MAX, PGC_SUSET,
							GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_outbox.retention", "How long published events are kept at least.",
							"Counts from when the last writer of their partition has ended. "
							"Applied by outbox.maintain().",
							&retention_s, RETENTION_DEFAULT, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	MarkGUCPrefixReserved("pg_outbox");
}

static Datum
interval_of_seconds(int seconds)
{
	Interval *interval = palloc0(sizeof(Interval));

	interval->time = (TimeOffset) seconds * USECS_PER_SEC;
	return IntervalPGetDatum(interval);
}

/*
 * outbox.rotation_settings(OUT rotation_interval, OUT retention): for outbox.maintain().
 * Reading them with SQL would find nothing in a session that hasn't loaded the module.
 */
Datum
outbox_rotation_settings(PG_FUNCTION_ARGS)
{
	TupleDesc desc;
	Datum values[2];
	bool nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = interval_of_seconds(rotation_interval_s);
	values[1] = interval_of_seconds(retention_s);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
