/*
 * route.c
 *	  From an event to topic, key, value, headers and partition key.
 *
 * Headers: id, type (when not NULL), the event's own in their order, and
 * outbox-position.  An event's own header with one of these three names is
 * dropped: a consumer must be able to believe them, and the write that named one
 * was already committed.  outbox-replayed passes: the database lets nobody but the
 * owner of outbox.event write it (outbox.redrive() does).
 *
 * Refuses an aggregate type that makes no legal topic, own headers that are no
 * flat object, are larger than HEADERS_MAX or more than there is room for.  Messages
 * name what is wrong, never what the event holds.
 *
 * Invariants: equal events and an equal map give equal results; nothing is
 * allocated but the room for strings with escapes, once, up to the largest headers
 * seen.
 */
#include "route.h"
#include "exit_codes.h"
#include "flat_json.h"

#include <stdlib.h>
#include <string.h>

#define PLACEHOLDER "{aggregatetype}"
#define PLACEHOLDER_LEN (sizeof(PLACEHOLDER) - 1)
#define HEADERS_MAX ((size_t) 16 << 20) /* bytes of JSON */
#define SCRATCH_STEP 4096

struct Router
{
	const TopicMap *map;
	char source_id[SOURCE_ID_MAX + 1];
	char prefix[TOPIC_NAME_MAX + 1];
	char suffix[TOPIC_NAME_MAX + 1];
	size_t prefix_len;
	size_t suffix_len;
	char topic[TOPIC_NAME_MAX + 1]; /* prefix, aggregate type, suffix */
	char id[UUID_TEXT_SIZE];
	char position[POSITION_TEXT_SIZE];
	uint8_t *scratch;
	size_t scratch_size;
};

/* The room was checked; false: no legal topic. */
static bool
fill_topic(Router *router, ByteView aggregate_type)
{
	char *at = router->topic;

	memcpy(at, router->prefix, router->prefix_len);
	at += router->prefix_len;
	memcpy(at, aggregate_type.data, aggregate_type.len);
	at += aggregate_type.len;
	memcpy(at, router->suffix, router->suffix_len);
	at += router->suffix_len;
	*at = '\0';
	return topic_name_valid(router->topic, (size_t) (at - router->topic));
}

/* Into prefix and suffix. */
static bool
split_pattern(Router *router, const char *pattern, Error *error)
{
	const char *placeholder = strstr(pattern, PLACEHOLDER);

	if (placeholder == NULL || strstr(placeholder + 1, PLACEHOLDER) != NULL)
		return error_permanent(error, EXIT_CONFIG,
							   "topic pattern must hold \"%s\" once, \"%s\" does not", PLACEHOLDER,
							   pattern);
	router->prefix_len = (size_t) (placeholder - pattern);
	router->suffix_len = strlen(placeholder + PLACEHOLDER_LEN);
	if (router->prefix_len + router->suffix_len >= TOPIC_NAME_MAX)
		return error_permanent(error, EXIT_CONFIG, "topic pattern leaves no room for a topic");
	memcpy(router->prefix, pattern, router->prefix_len);
	memcpy(router->suffix, placeholder + PLACEHOLDER_LEN, router->suffix_len);
	if (!fill_topic(router, view_of("x")))
		return error_permanent(error, EXIT_CONFIG,
							   "topic pattern \"%s\" makes no legal topic: letters, digits, \".\", "
							   "\"_\" and \"-\" are allowed",
							   pattern);
	return true;
}

Router *
router_create(const char *pattern, const char *source_id, const TopicMap *map, Error *error)
{
	size_t source_id_len = strlen(source_id);
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
	router->map = map;
	memcpy(router->source_id, source_id, source_id_len);
	if (!split_pattern(router, pattern, error))
	{
		router_free(router);
		return NULL;
	}
	return router;
}

void
router_free(Router *router)
{
	if (router == NULL)
		return;
	free(router->scratch);
	free(router);
}

static bool
make_topic(Router *router, const OutboxEvent *event, Error *error)
{
	ByteView type = event->aggregate_type;
	size_t room = TOPIC_NAME_MAX - router->prefix_len - router->suffix_len;

	if (type.len == 0)
		return error_permanent(error, EXIT_POISON, "aggregate type is empty");
	if (type.len > room)
	{
		error_permanent(error, EXIT_POISON, "aggregate type makes too long a topic name");
		return error_detail(error, "It has %zu bytes, the topic pattern leaves room for %zu.",
							type.len, room);
	}
	if (fill_topic(router, type))
		return true;
	error_permanent(error, EXIT_POISON, "aggregate type makes no legal topic name");
	return error_detail(error, "Letters, digits, \".\", \"_\" and \"-\" are allowed.");
}

static void
add_header(RoutedEvent *routed, ByteView name, ByteView value)
{
	routed->headers[routed->header_count++] = (RoutedHeader){name, value};
}

/* A name that the relay gives out itself. */
static bool
is_reserved(ByteView name)
{
	return view_equals(name, view_of(ENVELOPE_HEADER_ID)) ||
		   view_equals(name, view_of(ENVELOPE_HEADER_TYPE)) ||
		   view_equals(name, view_of(ENVELOPE_HEADER_POSITION));
}

static bool
make_scratch(Router *router, size_t size, Error *error)
{
	uint8_t *scratch;

	if (size <= router->scratch_size)
		return true;
	size = (size + SCRATCH_STEP - 1) / SCRATCH_STEP * SCRATCH_STEP;
	scratch = realloc(router->scratch, size);
	if (scratch == NULL)
		return error_bug(error, "out of memory");
	router->scratch = scratch;
	router->scratch_size = size;
	return true;
}

static bool
add_own_headers(Router *router, const OutboxEvent *event, RoutedEvent *routed, Error *error)
{
	FlatJson json;
	FlatJsonMember member;
	FlatJsonResult result;

	if (event->headers.len > HEADERS_MAX)
		return error_permanent(error, EXIT_POISON, "headers are larger than %zu bytes",
							   HEADERS_MAX);
	if (!make_scratch(router, event->headers.len, error))
		return false;
	flat_json_init(&json, event->headers, router->scratch);
	while ((result = flat_json_next(&json, &member)) == FLAT_JSON_MEMBER)
	{
		if (is_reserved(member.name))
			continue;
		if (routed->header_count == ROUTE_MAX_HEADERS - 1) /* the last one is the position's */
			return error_permanent(error, EXIT_POISON, "more than %d headers", ROUTE_MAX_HEADERS);
		add_header(routed, member.name, member.value);
	}
	if (result == FLAT_JSON_INVALID)
		return error_permanent(error, EXIT_POISON, "headers are no flat JSON object: %s",
							   json.problem);
	return true;
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
	if (!make_topic(router, event, error))
		return ROUTE_REJECTED;
	routed->topic = router->topic;
	if (!topic_map_find(router->map, router->topic, &routed->topic_index, &routed->partition_count))
		return ROUTE_UNKNOWN_TOPIC;

	uuid_format(event->id, router->id);
	position_format(router->source_id, &event->position, router->position);
	routed->key = event->aggregate_id;
	routed->partition_key =
		event->aggregate_id.data != NULL ? event->aggregate_id : view_of(router->id);
	routed->value = event->payload;
	routed->timestamp_ms = unix_ms(event->commit_time);

	routed->header_count = 0;
	add_header(routed, view_of(ENVELOPE_HEADER_ID), view_of(router->id));
	if (event->type.data != NULL)
		add_header(routed, view_of(ENVELOPE_HEADER_TYPE), event->type);
	if (event->headers.data != NULL && !add_own_headers(router, event, routed, error))
		return ROUTE_REJECTED;
	add_header(routed, view_of(ENVELOPE_HEADER_POSITION), view_of(router->position));
	routed->size = size_of(routed);
	return ROUTE_OK;
}
