/*
 * record.c
 *	  What a record of Kafka says of its event, in both profiles of envelope.h.
 */
#include "record.h"

#include <string.h>

#include "buffer.h"
#include "envelope.h"
#include "traceparent.h"

#define HEADERS_JSON_MAX ((size_t) 16 * 1024 * 1024)

const InboxHeader *
record_header(const InboxRecord *record, const char *name)
{
	ByteView wanted = view_of(name);

	for (size_t i = record->header_count; i-- > 0;)
	{
		if (view_equals(record->headers[i].name, wanted))
			return &record->headers[i];
	}
	return NULL;
}

ByteView
record_header_value(const InboxRecord *record, const char *name)
{
	const InboxHeader *found = record_header(record, name);

	return found != NULL ? found->value : (ByteView){NULL, 0};
}

bool
record_position(const InboxHeader *header, char *source_id, Position *position)
{
	ByteView text = header->value;

	return text.data != NULL &&
		   position_parse((const char *) text.data, text.len, source_id, position) &&
		   position->ordinal <= INT64_MAX;
}

/* Of the profile cloudevents; see envelope.h for why nobody can make it look like one. */
static bool
is_cloudevent(const InboxRecord *record)
{
	return record_header(record, ENVELOPE_HEADER_ID) == NULL &&
		   record_header(record, ENVELOPE_CE_ID) != NULL;
}

static ByteView
id_header(const InboxRecord *record)
{
	return record_header_value(record, is_cloudevent(record) ? ENVELOPE_CE_ID : ENVELOPE_HEADER_ID);
}

static ByteView
type_header(const InboxRecord *record)
{
	return record_header_value(record,
							   is_cloudevent(record) ? ENVELOPE_CE_TYPE : ENVELOPE_HEADER_TYPE);
}

/*
 * The event's own headers as a JSON object; of one name the last counts, as in jsonb.  What is too
 * large for that can only be put aside.
 */
static bool
copy_headers(const InboxRecord *record, Batch *batch, BatchRecord *to)
{
	bool cloudevent = is_cloudevent(record);
	Buffer json;
	bool first = true;
	bool ok;

	buffer_init(&json, HEADERS_JSON_MAX);
	buffer_append_u8(&json, '{');
	for (size_t i = 0; i < record->header_count; i++)
	{
		if (envelope_header_owned(record->headers[i].name) ||
			(cloudevent && envelope_header_of_cloudevents(record->headers[i].name)))
			continue;
		if (!first)
			buffer_append_u8(&json, ',');
		first = false;
		buffer_append_json_string(&json, record->headers[i].name);
		buffer_append_u8(&json, ':');
		buffer_append_json_string(&json, record->headers[i].value);
	}
	buffer_append_u8(&json, '}');
	if (json.failed && !json.no_memory)
		to->unjudged = UNJUDGED_HEADERS;
	ok = !json.no_memory && (json.failed || batch_copy(batch, buffer_view(&json), &to->headers));
	buffer_free(&json);
	return ok;
}

void
record_id(const InboxRecord *record, char *id)
{
	ByteView view = id_header(record);

	id[0] = '\0';
	if (view.data == NULL || view.len > BATCH_ID_TEXT_MAX || !view_is_utf8(view) ||
		memchr(view.data, '\0', view.len) != NULL)
		return;
	memcpy(id, view.data, view.len);
	id[view.len] = '\0';
}

/* False without memory; what isn't one is none. */
static bool
copy_traceparent(const InboxRecord *record, Batch *batch, ByteView *to)
{
	const InboxHeader *found = record_header(record, "traceparent");
	ByteView valid;

	if (found == NULL)
		found = record_header(record, "ce_traceparent");
	return found == NULL || !traceparent_parse(found->value, &valid) ||
		   batch_copy(batch, valid, to);
}

bool
record_copy(const InboxRecord *record, bool with_headers, Batch *batch, BatchRecord *to)
{
	ByteView id = id_header(record);

	to->has_uuid = id.data != NULL && uuid_parse((const char *) id.data, id.len, to->uuid);
	return batch_copy(batch, record->key, &to->key) &&
		   batch_copy(batch, type_header(record), &to->type) &&
		   batch_copy(batch, record->value, &to->value) &&
		   copy_traceparent(record, batch, &to->traceparent) &&
		   (!with_headers || copy_headers(record, batch, to));
}
