/*
 * event_trace.c
 *	  Which event a line of the log is about.
 *
 * Refuses a traceparent that isn't made of the characters of one: headers are the writer's, and
 * what isn't one could be anything.
 */
#include "event_trace.h"

#include "flat_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_LOOKED_AT 65536
#define TRACEPARENT_MIN 55

static void
take_traceparent(EventTrace *trace, ByteView value)
{
	if (value.data == NULL || value.len < TRACEPARENT_MIN || value.len >= TRACEPARENT_SIZE)
		return;
	for (size_t i = 0; i < value.len; i++)
	{
		if (memchr("0123456789abcdef-", value.data[i], 17) == NULL)
			return;
	}
	memcpy(trace->traceparent, value.data, value.len);
	trace->traceparent[value.len] = '\0';
}

static void
find_traceparent(EventTrace *trace, ByteView headers)
{
	FlatJsonMember member;
	FlatJson json;
	uint8_t *scratch;

	if (headers.data == NULL || headers.len == 0 || headers.len > HEADERS_LOOKED_AT)
		return;
	scratch = malloc(headers.len);
	if (scratch == NULL)
		return;
	flat_json_init(&json, headers, scratch);
	while (flat_json_next(&json, &member) == FLAT_JSON_MEMBER)
	{
		if (member.kind == FLAT_JSON_STRING && view_equals(member.name, view_of("traceparent")))
			take_traceparent(trace, member.value);
	}
	free(scratch);
}

void
event_trace_place(EventTrace *trace, PgLsn commit_lsn, uint64_t ordinal, const char *topic,
				  int32_t partition)
{
	*trace = (EventTrace){0};
	lsn_format(commit_lsn, trace->lsn);
	snprintf(trace->ordinal, sizeof(trace->ordinal), "%llu", (unsigned long long) ordinal);
	snprintf(trace->topic, sizeof(trace->topic), "%s", topic != NULL ? topic : "");
	if (partition >= 0)
		snprintf(trace->partition, sizeof(trace->partition), "%d", (int) partition);
}

void
event_trace_fill(EventTrace *trace, const OutboxEvent *event, const char *topic, uint32_t xid)
{
	event_trace_place(trace, event->position.commit_lsn, event->position.ordinal, topic, -1);
	if (!event->no_id)
		uuid_format(event->id, trace->id);
	if (xid != 0)
		snprintf(trace->xid, sizeof(trace->xid), "%u", xid);
	find_traceparent(trace, event->headers);
}
