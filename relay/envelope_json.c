/*
 * envelope_json.c
 *	  The value of a record that isn't the payload's own bytes.
 *
 * Refuses nothing: what can't be expanded stays text.
 *
 * Invariants: what stands between envelope_begin() and envelope_end() is one JSON object,
 * whatever the payload is.
 */
#include "envelope_json.h"
#include "placement.h"

static bool
is_text(const OutboxEvent *event)
{
	return event->payload.data != NULL && !event->payload_is_bytes;
}

/* As Java's trim() sees it: up to and with the space. */
static bool
is_blank(ByteView text)
{
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.data[i] > ' ')
			return false;
	}
	return true;
}

bool
payload_is_tombstone(const PayloadRule *rule, const OutboxEvent *event, bool envelope)
{
	if (event->payload.data == NULL)
		return rule->tombstone_on_empty || !envelope;
	return rule->tombstone_on_empty && !event->payload_is_bytes && is_blank(event->payload);
}

static bool
is_nested(ByteView text)
{
	return text.len > 0 && (text.data[0] == '{' || text.data[0] == '[');
}

ByteView
payload_expand(const PayloadRule *rule, const OutboxEvent *event, Buffer *out)
{
	if (rule->expansion != EXPAND_COMPACT || !is_text(event) || !is_nested(event->payload) ||
		!json_compact(event->payload, &rule->compaction, out))
		return event->payload;
	return buffer_view(out);
}

static void
append_base64(Buffer *out, ByteView bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < bytes.len; i += 3)
	{
		size_t left = bytes.len - i;
		uint32_t three = (uint32_t) bytes.data[i] << 16;
		char four[4];

		if (left > 1)
			three |= (uint32_t) bytes.data[i + 1] << 8;
		if (left > 2)
			three |= bytes.data[i + 2];
		four[0] = digits[three >> 18];
		four[1] = digits[three >> 12 & 63];
		four[2] = left > 1 ? digits[three >> 6 & 63] : '=';
		four[3] = left > 2 ? digits[three & 63] : '=';
		buffer_append(out, four, sizeof(four));
	}
}

static void
append_payload(const PayloadRule *rule, const OutboxEvent *event, Buffer *out)
{
	ByteView payload = event->payload;

	if (event->payload_is_bytes && payload.data != NULL)
	{
		buffer_append_str(out, "\"");
		append_base64(out, payload);
		buffer_append_str(out, "\"");
		return;
	}
	if (rule->expansion != EXPAND_OFF && is_text(event) && is_nested(payload) &&
		view_is_utf8(payload))
	{
		if (rule->expansion == EXPAND_COMPACT && json_compact(payload, &rule->compaction, out))
			return;
		if (rule->expansion == EXPAND_VERBATIM && json_is_valid(payload))
		{
			buffer_append(out, payload.data, payload.len);
			return;
		}
	}
	buffer_append_json_string(out, payload);
}

void
envelope_begin(const PayloadRule *rule, const OutboxEvent *event, Buffer *out)
{
	buffer_append_str(out, "{\"" ENVELOPE_PAYLOAD "\":");
	append_payload(rule, event, out);
}

void
envelope_add(Buffer *out, const char *name, const FieldValue *value)
{
	buffer_append_str(out, ",");
	buffer_append_json_string(out, view_of(name));
	buffer_append_str(out, ":");
	if (value->kind == FLAT_JSON_NUMBER || value->kind == FLAT_JSON_BOOLEAN)
		buffer_append(out, value->text.data, value->text.len);
	else
		buffer_append_json_string(out, value->text);
}

void
envelope_end(Buffer *out)
{
	buffer_append_str(out, "}");
}
