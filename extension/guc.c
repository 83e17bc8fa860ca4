/*
 * guc.c
 *	  The settings of the extension, pg_outbox.*.  What is policy can only be set
 *	  by superusers and those who were granted it.
 */
#include "pg_outbox.h"

#include "utils/guc.h"

#include <limits.h>

int outbox_max_event_bytes = 900 * 1024;
char *outbox_allowed_types = NULL;
static int retention_s = 86400;
static int rotation_s = 86400;

void
outbox_define_settings(void)
{
	DefineCustomIntVariable("pg_outbox.max_event_bytes", "Largest event that is accepted.",
							"Counts aggregatetype, aggregateid, type, payload and headers. "
							"Keep it below the topic's max.message.bytes.",
							&outbox_max_event_bytes, 900 * 1024, 1, 256 * 1024 * 1024, PGC_SUSET,
							GUC_UNIT_BYTE, NULL, NULL, NULL);
	DefineCustomStringVariable("pg_outbox.allowed_types",
							   "Aggregate types that are accepted, separated by commas.",
							   "Empty: every type that makes a legal topic.", &outbox_allowed_types,
							   "", PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_outbox.retention", "How long published events are kept at least.",
							NULL, &retention_s, 86400, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S, NULL,
							NULL, NULL);
	DefineCustomIntVariable(
		"pg_outbox.rotation_interval", "How long one partition is written to before the next one.",
		NULL, &rotation_s, 86400, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	MarkGUCPrefixReserved("pg_outbox");
}

bool
outbox_type_allowed(const char *type, int len)
{
	const char *item = outbox_allowed_types;

	if (item == NULL || item[0] == '\0')
		return true;
	while (*item != '\0')
	{
		size_t span = strcspn(item, ",");
		const char *start = item;
		size_t item_len = span;

		while (item_len > 0 && *start == ' ')
		{
			start++;
			item_len--;
		}
		while (item_len > 0 && start[item_len - 1] == ' ')
			item_len--;
		if (item_len == (size_t) len && memcmp(start, type, len) == 0)
			return true;
		item += span;
		if (*item == ',')
			item++;
	}
	return false;
}
