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

#define MAX_EVENT_BYTES_DEFAULT (900 * 1024)
#define MAX_EVENT_BYTES_LIMIT (256 * 1024 * 1024)
#define ROTATION_INTERVAL_DEFAULT (12 * 60 * 60)
#define RETENTION_DEFAULT (24 * 60 * 60)

PG_FUNCTION_INFO_V1(outbox_rotation_settings);

int outbox_max_event_bytes = MAX_EVENT_BYTES_DEFAULT;
static char *allowed_types = NULL;
static int rotation_interval_s = ROTATION_INTERVAL_DEFAULT;
static int retention_s = RETENTION_DEFAULT;

/*
 * Finds the next name in a list and moves *list behind it; *len is 0 for an empty
 * one.  false at the end of the list.
 */
static bool
next_name(const char **list, const char **name, int *len)
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
	while (next_name(&list, &name, &name_len))
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

	while (list != NULL && next_name(&list, &name, &len))
		if (outbox_illegal_in_type(name, len) != OUTBOX_TYPE_LEGAL)
		{
			GUC_check_errdetail("\"%.*s\" cannot be part of a topic's name.", len, name);
			GUC_check_errhint("Separate the names by commas.");
			return false;
		}
	return true;
}

void
outbox_define_settings(void)
{
	DefineCustomIntVariable("pg_outbox.max_event_bytes", "Largest event that is accepted.",
							"Counts aggregatetype, aggregateid, type, payload and headers. "
							"Keep it below the topics' max.message.bytes.",
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
