/*
 * route_headers.c
 *	  The headers of a record.
 *
 * Refuses headers that are no flat object, larger than HEADERS_MAX or more than there is
 * room for, a placed member that isn't there, and an event that CloudEvents has no type for.
 *
 * Invariants: the last one is outbox-position, or what a replayed event has in its place; a
 * reserved name is written by the relay alone.
 */
#include "route_headers.h"
#include "exit_codes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX ((size_t) 16 << 20) /* bytes of JSON */
#define SCRATCH_STEP 4096
#define STRUCTURED "application/cloudevents" /* would make a reader take the value for an event */

void
own_headers_free(OwnHeaders *own)
{
	free(own->scratch);
	own->scratch = NULL;
	own->scratch_size = 0;
}

static bool
make_scratch(OwnHeaders *own, size_t size, Error *error)
{
	uint8_t *scratch;

	if (size <= own->scratch_size)
		return true;
	size = (size + SCRATCH_STEP - 1) / SCRATCH_STEP * SCRATCH_STEP;
	scratch = realloc(own->scratch, size);
	if (scratch == NULL)
		return error_bug(error, "out of memory");
	own->scratch = scratch;
	own->scratch_size = size;
	return true;
}

static bool
too_many(Error *error)
{
	return error_permanent(error, EXIT_POISON, "more than %d headers", ROUTE_OWN_HEADERS);
}

static bool
is_structured(ByteView type)
{
	size_t len = strlen(STRUCTURED);

	return type.len >= len && strncasecmp((const char *) type.data, STRUCTURED, len) == 0;
}

/* What the relay writes itself, beside CloudEvents. */
static bool
is_ours(const OutboxEvent *event, ByteView name)
{
	return envelope_header_owned(name) ||
		   (event->replayed.data != NULL &&
			(view_equals(name, view_of(ENVELOPE_HEADER_REPLAYED)) ||
			 view_equals(name, view_of(ENVELOPE_HEADER_CREATED_AT))));
}

static bool
take_member(OwnHeaders *own, const OutboxEvent *event, const FlatJsonMember *member,
			const RouteRules *rules, Error *error)
{
	int named = field_find(&rules->members, member->name);
	bool cloudevents = rules->profile == PROFILE_CLOUDEVENTS;

	if (named >= 0)
	{
		own->members[named] = (FieldValue){true, member->kind, member->value};
		return true;
	}
	if (is_ours(event, member->name) ||
		(cloudevents && envelope_header_of_cloudevents(member->name)))
		return true;
	if (cloudevents && view_equals(member->name, view_of(ENVELOPE_CONTENT_TYPE)))
	{
		if (member->value.len > 0 && !is_structured(member->value))
			own->content_type = member->value;
		return true;
	}
	if (own->count == ROUTE_OWN_HEADERS)
		return too_many(error);
	own->items[own->count++] = (RoutedHeader){member->name, member->value};
	return true;
}

bool
own_headers_read(OwnHeaders *own, const OutboxEvent *event, const RouteRules *rules, Error *error)
{
	ByteView headers = event->headers;
	FlatJson json;
	FlatJsonMember member;
	FlatJsonResult result;

	own->count = 0;
	own->content_type = (ByteView){NULL, 0};
	for (int i = 0; i < rules->members.count; i++)
		own->members[i] = (FieldValue){.present = false, .kind = FLAT_JSON_NULL};
	if (headers.data == NULL)
		return true;
	if (headers.len > HEADERS_MAX)
		return error_permanent(error, EXIT_POISON, "headers are larger than %zu bytes",
							   HEADERS_MAX);
	if (!make_scratch(own, headers.len, error))
		return false;
	flat_json_init(&json, headers, own->scratch);
	while ((result = flat_json_next(&json, &member)) == FLAT_JSON_MEMBER)
	{
		if (!take_member(own, event, &member, rules, error))
			return false;
	}
	if (result == FLAT_JSON_INVALID)
		return error_permanent(error, EXIT_POISON, "headers are no flat JSON object: %s",
							   json.problem);
	return true;
}

/* -------------------------------------------------------------------------
 * in order
 * -------------------------------------------------------------------------
 */

/* The last place is the position's; a replayed event has two in its place, and the room for it. */
static bool
add(RoutedEvent *routed, ByteView name, ByteView value, Error *error)
{
	if (routed->header_count == ROUTE_MAX_HEADERS - 1)
		return too_many(error);
	routed->headers[routed->header_count++] = (RoutedHeader){name, value};
	return true;
}

static bool
add_text(RoutedEvent *routed, const char *name, const char *value, Error *error)
{
	return add(routed, view_of(name), view_of(value), error);
}

static bool
add_debezium(const OutboxEvent *event, const RouteTexts *texts, RoutedEvent *routed, Error *error)
{
	return add_text(routed, ENVELOPE_HEADER_ID, texts->id, error) &&
		   (event->type.data == NULL ||
			add(routed, view_of(ENVELOPE_HEADER_TYPE), event->type, error));
}

static ByteView
content_type_of(const RouteRules *rules, const OutboxEvent *event, const OwnHeaders *own,
				const RoutedEvent *routed)
{
	if (rules->placements.envelope && routed->value.data != NULL)
		return view_of("application/json");
	if (own->content_type.data != NULL || routed->value.data == NULL)
		return own->content_type;
	return view_of(event->payload_is_bytes ? "application/octet-stream" : "application/json");
}

/* CloudEvents has no empty attributes, and requires a type. */
static bool
add_cloudevents(const RouteRules *rules, const OutboxEvent *event, const OwnHeaders *own,
				RouteTexts *texts, RoutedEvent *routed, Error *error)
{
	ByteView type = event->type.len > 0 ? event->type : event->aggregate_type;
	ByteView content_type = content_type_of(rules, event, own, routed);

	if (type.len == 0)
	{
		routed->fault = ROUTE_FAULT_FIELD;
		return error_permanent(error, EXIT_POISON,
							   "type and aggregatetype are empty, and \"" ENVELOPE_CE_TYPE
							   "\" can't be");
	}
	if (!add_text(routed, ENVELOPE_CE_ID, texts->id, error) ||
		!add_text(routed, ENVELOPE_CE_SOURCE, texts->source, error) ||
		!add_text(routed, ENVELOPE_CE_SPECVERSION, "1.0", error) ||
		!add(routed, view_of(ENVELOPE_CE_TYPE), type, error))
		return false;
	if (event->aggregate_id.len > 0 &&
		!add(routed, view_of(ENVELOPE_CE_SUBJECT), event->aggregate_id, error))
		return false;
	if (event_time_format(texts->at, texts->time) &&
		!add_text(routed, ENVELOPE_CE_TIME, texts->time, error))
		return false;
	return content_type.data == NULL ||
		   add(routed, view_of(ENVELOPE_CONTENT_TYPE), content_type, error);
}

static bool
add_placed(const RouteRules *rules, const OutboxEvent *event, const OwnHeaders *own,
		   const RouteTexts *texts, RoutedEvent *routed, Error *error)
{
	for (int i = 0; i < rules->placements.count; i++)
	{
		const Placement *placement = &rules->placements.items[i];
		FieldValue value;

		if (placement->kind != PLACE_HEADER)
			continue;
		value = field_value(placement->field, event, texts->id, own->members);
		if (!value.present && !rules->ignore_missing)
		{
			routed->fault = ROUTE_FAULT_FIELD;
			error_permanent(error, EXIT_POISON,
							"the headers lack a member that \"table.fields.additional.placement\" "
							"names");
			return error_hint(error, "With \"table.field.additional.missing = ignore\" it is left "
									 "out.");
		}
		if (value.present && !add(routed, view_of(placement->alias), value.text, error))
			return false;
	}
	return true;
}

/* What RFC 3339 can't write, "infinity" among it, is as far away as it can write. */
static UnixUsec
written_at(const OutboxEvent *event)
{
	static const PgUsec first = INT64_C(-62135596800) * USEC_PER_SEC - PG_EPOCH_UNIX_USEC;
	static const PgUsec behind = INT64_C(253402300800) * USEC_PER_SEC - PG_EPOCH_UNIX_USEC;
	PgUsec at = event->created_at;

	if (at < first)
		at = first;
	return (at < behind ? at : behind - 1) + PG_EPOCH_UNIX_USEC;
}

static void
add_end(const OutboxEvent *event, RouteTexts *texts, RoutedEvent *routed)
{
	RoutedHeader *next = &routed->headers[routed->header_count];

	if (event->replayed.data == NULL)
	{
		*next = (RoutedHeader){view_of(ENVELOPE_HEADER_POSITION), view_of(texts->position)};
		routed->header_count++;
		return;
	}
	clock_format(written_at(event), texts->created_at);
	next[0] = (RoutedHeader){view_of(ENVELOPE_HEADER_REPLAYED), event->replayed};
	next[1] = (RoutedHeader){view_of(ENVELOPE_HEADER_CREATED_AT), view_of(texts->created_at)};
	routed->header_count += 2;
}

bool
route_headers_make(const RouteRules *rules, const OutboxEvent *event, const OwnHeaders *own,
				   RouteTexts *texts, RoutedEvent *routed, Error *error)
{
	bool ok;

	routed->header_count = 0;
	ok = rules->profile == PROFILE_CLOUDEVENTS
			 ? add_cloudevents(rules, event, own, texts, routed, error)
			 : add_debezium(event, texts, routed, error);
	if (!ok || !add_placed(rules, event, own, texts, routed, error))
		return false;
	for (int i = 0; i < own->count; i++)
	{
		if (!add(routed, own->items[i].name, own->items[i].value, error))
			return false;
	}
	add_end(event, texts, routed);
	return true;
}
