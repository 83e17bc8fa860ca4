/*
 * routing.h
 *	  For tests of the router with settings: one event, one router, what comes out.
 */
#ifndef OUTBOX_TEST_ROUTING_H
#define OUTBOX_TEST_ROUTING_H

#include "wire.h"

#include "exit_codes.h"
#include "route.h"

#define ID_TEXT "0190b2c4-1111-7222-8333-444455556666"
#define POSITION_TEXT "src/1.1/0/100/0"
#define COMMIT_MS INT64_C(1769862896789) /* 2026-01-31 12:34:56.789012 */

typedef struct Bench
{
	TopicMap *map;
	Router *router;
	RouteSettings settings;
	OutboxEvent event;
	RoutedEvent routed;
	Error error;
} Bench;

static inline void
bench_init(Bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	error_clear(&bench->error);
	bench->map = topic_map_create();
	assert_non_null(bench->map);
	bench->event = (OutboxEvent){.aggregate_type = view_of("User"),
								 .aggregate_id = view_of("10711fa5"),
								 .type = view_of("UserCreated"),
								 .payload = view_of("{}"),
								 .position = {1, 1, 0x100, 0},
								 .commit_time = INT64_C(823178096789012)};
	assert_true(uuid_parse(ID_TEXT, strlen(ID_TEXT), bench->event.id));
}

static inline void
bench_free(Bench *bench)
{
	router_free(bench->router);
	topic_map_free(bench->map);
}

/* With the settings as they are now; topics are recorded with 200 partitions when they come. */
static inline RouteResult
bench_try(Bench *bench)
{
	RouteResult result;

	error_clear(&bench->error);
	if (bench->router == NULL)
		bench->router = router_create_with(&bench->settings, "src", bench->map, &bench->error);
	if (bench->router == NULL)
		fail_msg("%s", bench->error.message);
	memset(&bench->routed, 0x5a, sizeof(bench->routed));
	result = router_route(bench->router, &bench->event, &bench->routed, &bench->error);
	if (result != ROUTE_UNKNOWN_TOPIC)
		return result;
	assert_true(topic_map_add(bench->map, bench->routed.topic, 200, &bench->error));
	return router_route(bench->router, &bench->event, &bench->routed, &bench->error);
}

static inline void
bench_route(Bench *bench)
{
	if (bench_try(bench) != ROUTE_OK)
		fail_msg("%s", bench->error.message);
}

/* The event is poison, and the message doesn't show "secret". */
static inline void
bench_reject(Bench *bench, const char *message)
{
	assert_int_equal(bench_try(bench), ROUTE_REJECTED);
	assert_int_equal(bench->error.error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(bench->error.exit_code, EXIT_POISON);
	if (strstr(bench->error.message, message) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", bench->error.message, message);
	assert_null(strstr(bench->error.message, "secret"));
	assert_null(strstr(bench->error.detail, "secret"));
}

/* New settings need a new router. */
static inline void
bench_set(Bench *bench, RouteSettings settings)
{
	router_free(bench->router);
	bench->router = NULL;
	bench->settings = settings;
}

/* The settings are refused, because of that one. */
static inline void
bench_refuse(RouteSettings settings, const char *wanted_option)
{
	const char *option = NULL;
	Error error;

	error_clear(&error);
	assert_false(route_settings_check(&settings, &option, &error));
	assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_string_equal(option, wanted_option);
	assert_true(error.message[0] != '\0');
}

/* The one header of that name; a NULL value is a null header. */
static inline void
bench_header(const Bench *bench, const char *name, const char *value)
{
	int found = -1;

	for (int i = 0; i < bench->routed.header_count; i++)
	{
		if (!view_equals(bench->routed.headers[i].name, view_of(name)))
			continue;
		if (found >= 0)
			fail_msg("header \"%s\" is there twice", name);
		found = i;
	}
	if (found < 0)
		fail_msg("no header \"%s\"", name);
	if (value == NULL)
		assert_null(bench->routed.headers[found].value.data);
	else
		assert_view(bench->routed.headers[found].value, value);
}

/* All of them, as "name name ...". */
static inline void
bench_header_names(const Bench *bench, const char *wanted)
{
	char names[2048] = "";
	size_t used = 0;

	for (int i = 0; i < bench->routed.header_count; i++)
	{
		ByteView name = bench->routed.headers[i].name;

		used += (size_t) snprintf(names + used, sizeof(names) - used, "%s%.*s", i > 0 ? " " : "",
								  (int) name.len, (const char *) name.data);
		assert_true(used < sizeof(names));
	}
	assert_string_equal(names, wanted);
}

static inline void
bench_value(Bench *bench, const char *wanted)
{
	bench_route(bench);
	if (wanted == NULL)
		assert_null(bench->routed.value.data);
	else
		assert_view(bench->routed.value, wanted);
}

#endif
