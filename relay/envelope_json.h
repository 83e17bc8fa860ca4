/*
 * envelope_json.h
 *	  The value of a record that isn't the payload's own bytes.  Private to the router.  Pure.
 *
 * In an envelope:
 *		{"payload": P, "alias": field, ...}		without white space
 * P is null for a tombstone, a string for text (off), real JSON for text that begins
 * with { or [ (compact, verbatim), and base64 for bytes.  A field is a string, or a number,
 * a boolean or null as it stands in the headers.  Without an envelope the value is the
 * payload, compacted if asked.  Text that isn't valid JSON, or too deep, is never expanded.
 */
#ifndef OUTBOX_RELAY_ENVELOPE_JSON_H
#define OUTBOX_RELAY_ENVELOPE_JSON_H

#include "buffer.h"
#include "field.h"
#include "json_compact.h"
#include "route_settings.h"

typedef struct PayloadRule
{
	JsonExpansion expansion;
	JsonCompaction compaction;
	bool tombstone_on_empty;
} PayloadRule;

/* Whether the record is to be a tombstone because of its payload alone. */
extern bool payload_is_tombstone(const PayloadRule *rule, const OutboxEvent *event, bool envelope);

/* The payload alone: its own bytes, or what was appended to out. */
extern ByteView payload_expand(const PayloadRule *rule, const OutboxEvent *event, Buffer *out);

extern void envelope_begin(const PayloadRule *rule, const OutboxEvent *event, Buffer *out);
extern void envelope_add(Buffer *out, const char *name, const FieldValue *value);
extern void envelope_end(Buffer *out);

#endif
