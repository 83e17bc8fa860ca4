/*
 * peek_line.c
 *	  An event as one line of JSON.
 *
 * Refuses nothing; text that isn't UTF-8 is shown with replacement characters, a
 * payload in hexadecimal.
 */
#include "peek_line.h"

#include "clock.h"

static void
member(Buffer *out, const char *name, ByteView value)
{
	buffer_printf(out, "\"%s\": ", name);
	buffer_append_json_string(out, value);
	buffer_append_str(out, ", ");
}

static void
append_headers(Buffer *out, const RoutedEvent *routed)
{
	buffer_append_str(out, "\"headers\": {");
	for (int i = 0; i < routed->header_count; i++)
	{
		buffer_append_str(out, i > 0 ? ", " : "");
		buffer_append_json_string(out, routed->headers[i].name);
		buffer_append_str(out, ": ");
		buffer_append_json_string(out, routed->headers[i].value);
	}
	buffer_append_str(out, "}, ");
}

static void
append_payload(Buffer *out, ByteView payload)
{
	static const char digits[] = "0123456789abcdef";

	if (payload.data == NULL || view_is_utf8(payload))
	{
		buffer_append_str(out, ", \"payload\": ");
		buffer_append_json_string(out, payload);
		return;
	}
	buffer_append_str(out, ", \"payload_hex\": \"");
	for (size_t i = 0; i < payload.len; i++)
	{
		buffer_append_u8(out, (uint8_t) digits[payload.data[i] >> 4]);
		buffer_append_u8(out, (uint8_t) digits[payload.data[i] & 15]);
	}
	buffer_append_str(out, "\"");
}

void
peek_line(Buffer *out, const PeekedEvent *peeked, bool payload)
{
	const OutboxEvent *event = peeked->event;
	const RoutedEvent *routed = peeked->routed;
	char id[UUID_TEXT_SIZE];
	char position[POSITION_TEXT_SIZE];
	char at[CLOCK_TEXT_SIZE];

	uuid_format(event->id, id);
	position_format(peeked->source_id, &event->position, position);
	clock_format(event->commit_time + PG_EPOCH_UNIX_USEC, at);

	buffer_append_str(out, "{");
	member(out, "topic", view_of(routed != NULL ? routed->topic : NULL));
	if (routed != NULL && peeked->partition_known)
		buffer_printf(out, "\"partition\": %d, ", (int) peeked->partition);
	else
		buffer_append_str(out, "\"partition\": null, ");
	member(out, "key", routed != NULL ? routed->key : event->aggregate_id);
	if (routed != NULL)
		append_headers(out, routed);
	else
		member(out, "problem", view_of(peeked->problem));
	member(out, "id", event->no_id ? (ByteView){NULL, 0} : view_of(id));
	member(out, "position", view_of(position));
	member(out, "commit_time", view_of(at));
	buffer_printf(out, "\"xid\": %u, ", (unsigned) peeked->xid);
	if (event->payload.data != NULL)
		buffer_printf(out, "\"payload_bytes\": %zu", event->payload.len);
	else
		buffer_append_str(out, "\"payload_bytes\": null");
	if (payload)
		append_payload(out, event->payload);
	buffer_append_str(out, "}\n");
}
