/*
 * route_fixture.h
 *	  For tests of the router without settings: two topics, one event, what comes out.
 */
#ifndef OUTBOX_TEST_ROUTE_FIXTURE_H
#define OUTBOX_TEST_ROUTE_FIXTURE_H

#include "wire.h"

#include "exit_codes.h"
#include "route.h"

#define PATTERN "outbox.event.{aggregatetype}"
#define ID_TEXT "0190b2c4-1111-7222-8333-444455556666"
#define POSITION_TEXT "ride-7f3a/2.3/0/16B374D8/41"

typedef struct Fixture
{
	TopicMap *map;
	Router *router;
	OutboxEvent event;
	RoutedEvent routed;
	Error error;
} Fixture;

static inline OutboxEvent
sample_event(void)
{
	OutboxEvent event = {.aggregate_type = view_of("ride"),
						 .aggregate_id = view_of("r-1"),
						 .type = view_of("started"),
						 .payload = view_of("{\"a\": 1}"),
						 .headers = {NULL, 0},
						 .position = {2, 3, 0x16B374D8, 41},
						 .commit_time = 0};

	assert_true(uuid_parse(ID_TEXT, strlen(ID_TEXT), event.id));
	return event;
}

static inline int
set_up(void **state)
{
	Fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->map = topic_map_create();
	assert_true(topic_map_add(fixture->map, "outbox.event.order", 1, &fixture->error));
	assert_true(topic_map_add(fixture->map, "outbox.event.ride", 12, &fixture->error));
	fixture->router = router_create(PATTERN, "ride-7f3a", fixture->map, &fixture->error);
	assert_non_null(fixture->router);
	fixture->event = sample_event();
	*state = fixture;
	return 0;
}

static inline int
tear_down(void **state)
{
	Fixture *fixture = *state;

	router_free(fixture->router);
	topic_map_free(fixture->map);
	free(fixture);
	return 0;
}

static inline void
route(Fixture *fixture)
{
	memset(&fixture->routed, 0x5a, sizeof(fixture->routed));
	if (router_route(fixture->router, &fixture->event, &fixture->routed, &fixture->error) !=
		ROUTE_OK)
		fail_msg("%s", fixture->error.message);
}

static inline void
expect_rejected(Fixture *fixture)
{
	error_clear(&fixture->error);
	assert_int_equal(
		router_route(fixture->router, &fixture->event, &fixture->routed, &fixture->error),
		ROUTE_REJECTED);
	assert_int_equal(fixture->error.error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(fixture->error.exit_code, EXIT_POISON);
	assert_null(strstr(fixture->error.message, "secret"));
	assert_null(strstr(fixture->error.detail, "secret"));
}

static inline void
expect_header(const Fixture *fixture, int index, const char *name, const char *value)
{
	assert_in_range(index, 0, fixture->routed.header_count - 1);
	assert_view(fixture->routed.headers[index].name, name);
	if (value == NULL)
		assert_null(fixture->routed.headers[index].value.data);
	else
		assert_view(fixture->routed.headers[index].value, value);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
