/*
 * test_no_memory.c
 *	  The relay's pure modules when there is no memory: it is said, nothing is half there, and
 *	  the next attempt does it.
 */
#include "scarce.h"

#include <jansson.h>

#include "assemble.h"
#include "heartbeat.h"
#include "id_set.h"
#include "repartition_plan.h"
#include "route.h"
#include "route_record.h"
#include "timeline.h"
#include "window.h"

#define TOPICS 40 /* more than a map has room for at first */

/* -------------------------------------------------------------------------
 * topics
 * ------------------------------------------------------------------------- */

static TopicMap *
map_of(int topics, Error *error)
{
	TopicMap *map = topic_map_create();

	for (int i = 0; map != NULL && i < topics; i++)
	{
		char name[20];

		snprintf(name, sizeof(name), "topic-%d", i);
		/* What failed can be done again. */
		if (!topic_map_add(map, name, 3, error) && !topic_map_add(map, name, 3, error))
			fail_msg("%s: %s", name, error->message);
	}
	return map;
}

static bool
topics_are_added(Error *error)
{
	TopicMap *map = map_of(TOPICS, error);
	uint32_t partitions;
	uint32_t index;

	if (map == NULL)
		return false;
	assert_int_equal(topic_map_count(map), TOPICS);
	for (int i = 0; i < TOPICS; i++)
	{
		char name[20];

		snprintf(name, sizeof(name), "topic-%d", i);
		assert_true(topic_map_find(map, name, &index, &partitions));
		assert_int_equal(index, i);
	}
	topic_map_free(map);
	return true;
}

static void
the_map_of_topics(void **state)
{
	(void) state;
	scarce_each(topics_are_added);
}

static bool
plan_is_made(Error *error)
{
	TopicMap *map = map_of(3, error);
	RepartitionPlan plan = {.generation = 1};
	bool made = map != NULL && repartition_plan_make(&plan, map, error);

	if (made)
		assert_int_equal(plan.topic_count, 3);
	repartition_plan_free(&plan);
	topic_map_free(map);
	return made;
}

static void
a_plan(void **state)
{
	(void) state;
	scarce_each(plan_is_made);
}

/* -------------------------------------------------------------------------
 * routing
 * ------------------------------------------------------------------------- */

static const RouteSettings settings = {
	.regex = "(?<kind>[a-z]+)",
	.replacement = "topic-${kind}",
	.by_field = "aggregatetype",
	.key = "tenant",
	.timestamp = "created",
	.placement = "type:envelope:kind,day:header:weekday,shard:partition",
	.ignore_missing = true,
	.expansion = EXPAND_COMPACT,
};

static OutboxEvent
an_event(void)
{
	return (OutboxEvent){
		.aggregate_type = view_of("b"),
		.aggregate_id = view_of("1"),
		.type = view_of("t"),
		.payload = view_of("{\"a\": [1, 2], \"b\": null}"),
		.headers = view_of("{\"tenant\": \"x\\u00e9\", \"day\": \"mon\", \"own\": \"\\n\"}"),
		.position = {.generation = 1, .timeline = 1, .commit_lsn = 7},
	};
}

static bool
event_is_routed(Error *error)
{
	OutboxEvent event = an_event();
	TopicMap *map = topic_map_create();
	Router *router = NULL;
	RoutedEvent routed;
	bool ok = map != NULL && topic_map_add(map, "topic-b", 3, error);

	if (ok)
		router = router_create_with(&settings, "source", map, error);
	ok = router != NULL;
	if (ok && router_route(router, &event, &routed, error) != ROUTE_OK)
	{
		ok = false;
		assert_int_equal(error->error_class, ERROR_CLASS_BUG);
		/* The same event, once there is memory. */
		assert_int_equal(router_route(router, &event, &routed, error), ROUTE_OK);
	}
	if (router != NULL)
	{
		assert_string_equal(routed.topic, "topic-b");
		assert_int_equal(routed.key.len, 3);
	}
	router_free(router);
	topic_map_free(map);
	return ok;
}

static void
a_router(void **state)
{
	(void) state;
	scarce_each(event_is_routed);
}

static bool
settings_are_checked(Error *error)
{
	const char *option;

	return route_settings_check(&settings, &option, error);
}

static void
settings_of_routing(void **state)
{
	(void) state;
	scarce_each(settings_are_checked);
}

/* From settings to text and back, and in force again. */
static bool
record_goes_round(Error *error)
{
	RouteRecord record = ROUTE_RECORD_NONE;
	RouteRecord again = ROUTE_RECORD_NONE;
	RouteSettings merged;
	char *placement = NULL;
	char *text = NULL;
	bool ok = route_record_make(&record, &settings, error);

	if (ok)
		text = route_record_text(&record);
	ok = text != NULL && route_record_parse(&again, text, error);
	if (ok)
		assert_true(route_records_equal(&record, &again));
	ok = ok && route_record_apply(&again, &settings, &merged, &placement, error);
	if (ok)
		assert_string_equal(merged.key, "tenant");
	free(placement);
	free(text);
	route_record_free(&record);
	route_record_free(&again);
	return ok;
}

static void
a_record(void **state)
{
	(void) state;
	scarce_each(record_goes_round);
}

/* What jansson allocates fails as well. */
/* What jansson has of its own: the linker calls it so. */
extern void *__real_malloc(size_t size);

static bool
text_is_made(Error *error)
{
	RouteRecord record = ROUTE_RECORD_NONE;
	char *text;
	bool ok;

	if (!route_record_make(&record, &settings, error))
		return false;
	json_set_alloc_funcs(malloc, free);
	text = route_record_text(&record);
	json_set_alloc_funcs(__real_malloc, free);
	ok = text != NULL;
	free(text);
	route_record_free(&record);
	return ok;
}

static void
text_of_a_record(void **state)
{
	(void) state;
	scarce_each(text_is_made);
}

/* -------------------------------------------------------------------------
 * the stream
 * ------------------------------------------------------------------------- */

static const WindowLimits limits = {.max_events = 4, .max_transactions = 2, .max_bytes = 1000};

static bool
window_is_resized(Error *error)
{
	WindowLimits larger = {.max_events = 8, .max_transactions = 4, .max_bytes = 1000};
	DeliveryWindow *window = window_create(&limits);
	DeliveryToken token;
	bool resized;

	if (window == NULL)
		return false;
	resized = window_resize(window, &larger, error);
	/* Of one size or the other. */
	for (int i = 0; i < (resized ? 4 : 2); i++)
	{
		PgLsn at = 100 + (PgLsn) i * 10;

		assert_int_equal(window_begin(window, at, 0, error), IO_OK);
		assert_int_equal(window_add(window, 0, 1, &token, error), IO_OK);
		assert_int_equal(window_commit(window, at + 5, error), IO_OK);
	}
	assert_int_equal(window_begin(window, 1000, 0, error), IO_FULL);
	window_free(window);
	return resized;
}

static void
a_window(void **state)
{
	(void) state;
	scarce_each(window_is_resized);
}

static bool
assembler_is_made(Error *error)
{
	TimelineHistory timelines;
	Assembler *assembler;

	(void) error;
	timeline_init(&timelines, 1);
	assembler = assembler_create(1, &timelines);
	assembler_free(assembler);
	return assembler != NULL;
}

static bool
ids_are_kept(Error *error)
{
	IdSet *set = id_set_create(100);
	uint8_t id[UUID_SIZE] = {7};

	(void) error;
	if (set == NULL)
		return false;
	assert_non_null(id_set_add(set, id));
	assert_ptr_equal(id_set_find(set, id), id_set_add(set, id));
	id_set_free(set);
	return true;
}

static void
an_assembler_and_ids(void **state)
{
	(void) state;
	scarce_each(assembler_is_made);
	scarce_each(ids_are_kept);
}

/* One that can't be kept is forgotten; the next one will do. */
static bool
heartbeats_come(Error *error)
{
	static Heartbeats heartbeats;
	bool kept;

	(void) error;
	assert_true(heartbeats_take(&heartbeats, "10:10:", 100, 1));
	kept = heartbeats_confirmed(&heartbeats, 100) != NULL;
	assert_true(heartbeats_take(&heartbeats, "20:20:", 200, 2));
	if (!kept)
		assert_string_equal(heartbeats_confirmed(&heartbeats, 200)->snapshot, "20:20:");
	heartbeats_free(&heartbeats);
	return kept;
}

static void
heartbeats_are_forgotten(void **state)
{
	(void) state;
	scarce_each(heartbeats_come);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_map_of_topics),
		cmocka_unit_test(a_plan),
		cmocka_unit_test(a_router),
		cmocka_unit_test(settings_of_routing),
		cmocka_unit_test(a_record),
		cmocka_unit_test(text_of_a_record),
		cmocka_unit_test(a_window),
		cmocka_unit_test(an_assembler_and_ids),
		cmocka_unit_test(heartbeats_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
