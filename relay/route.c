/*
 * route.c
 *	  From an event to topic, key, value, headers and partition.
 *
 * An event's own header with a name of the relay's is dropped: a consumer must be able to
 * believe them, and the write that named one was already committed.  outbox-replayed passes:
 * the database lets nobody but the owner of outbox.event write it (outbox.redrive() does).
 *
 * Refuses an event whose routed field makes no legal topic, own headers that are no
 * flat object, are larger than HEADERS_MAX or more than there is room for, and fields that
 * settings need and the event lacks.  Messages name what is wrong, never what the event holds.
 *
 * Invariants: equal events and an equal map give equal results; nothing is
 * allocated but the room for strings with escapes, once, up to the largest headers
 * seen, and for values that aren't the payload's own bytes; more than VALUE_KEEP of that is
 * given back with the next event.
 */
#include "route.h"
#include "event_time.h"
#include "exit_codes.h"
#include "failpoint.h"
#include "route_headers.h"
#include "route_rules.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_LIMIT (8 * ROUTE_VALUE_MAX) /* an escaped byte takes up to 6 */
#define VALUE_KEEP ((size_t) 1 << 20)
#define SOURCE_PREFIX "/pg_outbox/"

struct Router
{
	const TopicMap *map;
	RouteRules *rules;
	char source_id[SOURCE_ID_MAX + 1];
	char source[MESSAGE_SOURCE_MAX + 1];
	OwnHeaders own;
	RouteTexts texts;
	Buffer value;
	uint32_t last_topic; /* in the map */
};

static void
take_source(Router *router)
{
	char *at = router->source;

	if (router->rules->source[0] != '\0')
		memcpy(at, router->rules->source, strlen(router->rules->source) + 1);
	else
	{
		memcpy(at, SOURCE_PREFIX, strlen(SOURCE_PREFIX));
		memcpy(at + strlen(SOURCE_PREFIX), router->source_id, strlen(router->source_id) + 1);
	}
}

Router *
router_create_with(const RouteSettings *settings, const char *source_id, const TopicMap *map,
				   Error *error)
{
	size_t source_id_len = strlen(source_id);
	const char *option;
	Router *router;

	if (!source_id_valid(source_id, source_id_len))
	{
		error_permanent(error, EXIT_CONFIG, "source id is not 1 to %d of [A-Za-z0-9_-]",
						SOURCE_ID_MAX);
		return NULL;
	}
	router = calloc(1, sizeof(*router));
	if (router == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	buffer_init(&router->value, VALUE_LIMIT);
	router->map = map;
	memcpy(router->source_id, source_id, source_id_len);
	router->rules = route_rules_create(settings, &option, error);
	if (router->rules == NULL)
	{
		router_free(router);
		return NULL;
	}
	take_source(router);
	return router;
}

Router *
router_create(const char *pattern, const char *source_id, const TopicMap *map, Error *error)
{
	RouteSettings settings = {.topic_pattern = pattern};

	return router_create_with(&settings, source_id, map, error);
}

bool
route_settings_check(const RouteSettings *settings, const char **option, Error *error)
{
	RouteRules *rules = route_rules_create(settings, option, error);
	bool ok = rules != NULL;

	route_rules_free(rules);
	return ok;
}

void
router_free(Router *router)
{
	if (router == NULL)
		return;
	route_rules_free(router->rules);
	own_headers_free(&router->own);
	buffer_free(&router->value);
	free(router);
}

/* -------------------------------------------------------------------------
 * parts
 * -------------------------------------------------------------------------
 */

static bool
at_fault(RoutedEvent *routed, RouteFault fault)
{
	routed->fault = fault;
	return false;
}

/*
 * What a setting makes of a field; an absent one counts as null when missing fields are
 * ignored.
 */
static bool
need_field(const Router *router, FieldRef field, const OutboxEvent *event, const char *option,
		   FieldValue *value, RoutedEvent *routed, Error *error)
{
	*value = field_value(field, event, router->texts.id, router->own.members);
	if (value->present || router->rules->ignore_missing)
		return true;
	error_permanent(error, EXIT_POISON, "the headers lack the member that \"%s\" names", option);
	error_hint(error, "With \"table.field.additional.missing = ignore\" it counts as null.");
	return at_fault(routed, ROUTE_FAULT_FIELD);
}

static bool
make_topic(Router *router, const OutboxEvent *event, RoutedEvent *routed, Error *error)
{
	FieldValue value =
		field_value(router->rules->routed, event, router->texts.id, router->own.members);

	routed->topic = topic_rule_make(router->rules->topic, value.text, error);
	return routed->topic != NULL ||
		   at_fault(routed, value.present ? ROUTE_FAULT_TOPIC : ROUTE_FAULT_FIELD);
}

/* The next event is often of the same topic as the last one. */
static bool
find_topic(Router *router, RoutedEvent *routed)
{
	const char *last = topic_map_name(router->map, router->last_topic, &routed->partition_count);

	if (last == NULL || strcmp(last, routed->topic) != 0)
	{
		if (!topic_map_find(router->map, routed->topic, &router->last_topic,
							&routed->partition_count))
			return false;
	}
	routed->topic_index = router->last_topic;
	return true;
}

static bool
make_key(Router *router, const OutboxEvent *event, RoutedEvent *routed, Error *error)
{
	FieldValue key;

	if (!need_field(router, router->rules->key, event, "table.field.event.key", &key, routed,
					error))
		return false;
	routed->key = key.text;
	routed->partition_key = key.text.data != NULL ? key.text : view_of(router->texts.id);
	return true;
}

/* Digits alone, below the count. */
static bool
read_partition(ByteView text, uint32_t count, int32_t *partition)
{
	uint32_t value = 0;

	if (text.len == 0 || text.len > 9)
		return false;
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + (uint32_t) (text.data[i] - '0');
	}
	*partition = (int32_t) value;
	return value < count;
}

static bool
make_partition(Router *router, const OutboxEvent *event, RoutedEvent *routed, Error *error)
{
	FieldRef field = router->rules->placements.partition;
	FieldValue value;

	routed->partition = PARTITION_BY_KEY;
	if (field.source == FIELD_NONE)
		return true;
	if (!need_field(router, field, event, "table.fields.additional.placement", &value, routed,
					error))
		return false;
	if (value.text.data == NULL ||
		read_partition(value.text, routed->partition_count, &routed->partition))
		return true;
	error_permanent(error, EXIT_POISON, "the field for the partition is no partition of the topic");
	error_detail(error, "Topic \"%s\" is recorded with %u partitions, from 0 on.", routed->topic,
				 (unsigned) routed->partition_count);
	return at_fault(routed, ROUTE_FAULT_PARTITION);
}

/* Floors, also before 2000; the epochs are whole milliseconds apart. */
static int64_t
unix_ms(PgUsec at)
{
	int64_t ms = at / USEC_PER_MS;

	if (at % USEC_PER_MS < 0)
		ms--;
	return ms + PG_EPOCH_UNIX_USEC / USEC_PER_MS;
}

static bool
make_time(Router *router, const OutboxEvent *event, RoutedEvent *routed, PgUsec *at, Error *error)
{
	FieldRef field = router->rules->timestamp;
	FieldValue value;

	*at = event->commit_time;
	if (field.source == FIELD_NONE)
		return true;
	if (!need_field(router, field, event, "table.field.event.timestamp", &value, routed, error))
		return false;
	if (value.text.data == NULL || (event_time_parse(value.text, at) && unix_ms(*at) > 0))
		return true;
	error_permanent(error, EXIT_POISON, "the field for the timestamp holds no time since 1970");
	error_hint(error, "Write milliseconds since 1970, or ISO 8601 as to_jsonb(timestamptz) "
					  "gives it; Kafka knows no times before.");
	return at_fault(routed, ROUTE_FAULT_TIME);
}

/* -------------------------------------------------------------------------
 * value
 * -------------------------------------------------------------------------
 */

static bool
make_envelope(Router *router, const OutboxEvent *event, RoutedEvent *routed, Error *error)
{
	const Placements *placements = &router->rules->placements;

	envelope_begin(&router->rules->payload, event, &router->value);
	for (int i = 0; i < placements->count; i++)
	{
		const Placement *placement = &placements->items[i];
		FieldValue value;

		if (placement->kind != PLACE_ENVELOPE)
			continue;
		if (!need_field(router, placement->field, event, "table.fields.additional.placement",
						&value, routed, error))
			return false;
		if (value.present)
			envelope_add(&router->value, placement->alias, &value);
	}
	envelope_end(&router->value);
	return true;
}

static bool
make_value(Router *router, const OutboxEvent *event, RoutedEvent *routed, Error *error)
{
	const RouteRules *rules = router->rules;
	Buffer *value = &router->value;

	routed->value = event->payload;
	if (payload_is_tombstone(&rules->payload, event, rules->placements.envelope))
	{
		routed->value = (ByteView){NULL, 0};
		return true;
	}
	if (!rules->placements.envelope && rules->payload.expansion != EXPAND_COMPACT)
		return true;
	if (event->payload.len > ROUTE_VALUE_MAX)
	{
		error_permanent(error, EXIT_POISON, "payload is too large to make a value of it");
		error_detail(error, "It has %zu bytes, the limit is %zu.", event->payload.len,
					 ROUTE_VALUE_MAX);
		return at_fault(routed, ROUTE_FAULT_SIZE);
	}
	if (value->capacity > VALUE_KEEP)
		buffer_free(value);
	buffer_reset(value);
	if (!rules->placements.envelope)
		routed->value = payload_expand(&rules->payload, event, value);
	else
	{
		if (!make_envelope(router, event, routed, error))
			return false;
		routed->value = buffer_view(value);
	}
	return !value->failed || error_bug(error, "out of memory");
}

/* -------------------------------------------------------------------------
 * all of it
 * -------------------------------------------------------------------------
 */

static uint32_t
size_of(const RoutedEvent *routed)
{
	uint64_t size = (uint64_t) routed->key.len + routed->value.len;

	for (int i = 0; i < routed->header_count; i++)
		size += (uint64_t) routed->headers[i].name.len + routed->headers[i].value.len;
	return size > UINT32_MAX ? UINT32_MAX : (uint32_t) size;
}

RouteResult
router_route(Router *router, const OutboxEvent *event, RoutedEvent *routed, Error *error)
{
	const RouteRules *rules = router->rules;
	bool early = rules->members.count > 0; /* the topic may need them */
	PgUsec at;

	routed->topic = NULL;
	routed->fault = ROUTE_FAULT_HEADERS; /* unless another one is named */
	uuid_format(event->id, router->texts.id);
	if (early && !own_headers_read(&router->own, event, rules, error))
		return ROUTE_REJECTED;
	if (!make_topic(router, event, routed, error))
		return ROUTE_REJECTED;
	if (!find_topic(router, routed))
		return ROUTE_UNKNOWN_TOPIC;
	if (!early && !own_headers_read(&router->own, event, rules, error))
		return ROUTE_REJECTED;
	if (!make_key(router, event, routed, error) || !make_partition(router, event, routed, error) ||
		!make_time(router, event, routed, &at, error) || !make_value(router, event, routed, error))
		return ROUTE_REJECTED;
	routed->timestamp_ms = unix_ms(at);
	position_format(router->source_id, &event->position, router->texts.position);
	router->texts.source = router->source;
	/* When it happened, not when it is sent again. */
	router->texts.at = event->replayed.data != NULL && rules->timestamp.source == FIELD_NONE
						   ? event->created_at
						   : at;
	if (!route_headers_make(rules, event, &router->own, &router->texts, routed, error))
		return ROUTE_REJECTED;
	routed->size = size_of(routed);
	return FAILPOINT_ERROR("event-routed", error) ? ROUTE_REJECTED : ROUTE_OK;
}
