/*
 * test_repartition_plan.c
 *	  What outbox-relay repartition is to change.
 */
#include "unit.h"

#include "exit_codes.h"
#include "repartition_plan.h"

typedef struct Fixture
{
	TopicMap *topics;
	RouteRecord record;
	RepartitionPlan plan;
	Error error;
} Fixture;

/* Topic "a" with 3 partitions, "b" with 4; Kafka has a_now and b_now. */
static void
begin(Fixture *fixture, uint32_t a_now, uint32_t b_now)
{
	RouteSettings settings = {.key = NULL};

	error_clear(&fixture->error);
	fixture->topics = topic_map_create();
	assert_true(topic_map_add(fixture->topics, "a", 3, &fixture->error));
	assert_true(topic_map_add(fixture->topics, "b", 4, &fixture->error));
	assert_true(route_record_make(&fixture->record, &settings, &fixture->error));
	fixture->plan = (RepartitionPlan){
		.recorded = &fixture->record, .wanted = &fixture->record, .generation = 7};
	assert_true(repartition_plan_make(&fixture->plan, fixture->topics, &fixture->error));
	fixture->plan.topics[0].present = a_now;
	fixture->plan.topics[1].present = b_now;
}

static void
end(Fixture *fixture)
{
	repartition_plan_free(&fixture->plan);
	route_record_free(&fixture->record);
	topic_map_free(fixture->topics);
}

/* Which counts come of it; a of 0: it is refused with that status. */
static void
decide(uint32_t a_now, uint32_t b_now, const char *first, const char *second, uint32_t a,
	   uint32_t b)
{
	TopicRequests requests = {.count = 0};
	Fixture fixture;
	bool ok;

	begin(&fixture, a_now, b_now);
	if (first != NULL)
		assert_true(topic_requests_add(&requests, first, &fixture.error));
	if (second != NULL)
		assert_true(topic_requests_add(&requests, second, &fixture.error));
	ok = repartition_plan_decide(&fixture.plan, &requests, &fixture.error);
	assert_int_equal(ok, a > 0);
	if (ok)
	{
		assert_int_equal(fixture.plan.topics[0].wanted, a);
		assert_int_equal(fixture.plan.topics[1].wanted, b);
		assert_int_equal(repartition_plan_is_empty(&fixture.plan), a == 3 && b == 4);
	}
	else
		assert_int_equal(fixture.error.exit_code, EXIT_ROUTING);
	end(&fixture);
}

static void
decides_by_what_kafka_has_and_who_asks(void **state)
{
	(void) state;
	decide(3, 4, NULL, NULL, 3, 4);
	decide(6, 4, NULL, NULL, 6, 4);
	decide(6, 8, NULL, NULL, 6, 8);
	decide(6, 8, "b", NULL, 3, 8);
	decide(6, 8, "a=5", NULL, 5, 4);
	decide(6, 8, "a=1", "b", 1, 8);
	decide(6, 8, "a=3", NULL, 3, 4);
	/* More than there are, one that isn't recorded, one that shrank, one that is gone. */
	decide(6, 8, "a=7", NULL, 0, 0);
	decide(6, 8, "c", NULL, 0, 0);
	decide(2, 8, NULL, NULL, 0, 0);
	decide(2, 8, "b", NULL, 0, 0);
	decide(3, 0, "a", NULL, 0, 0);
}

static void
settings_alone_are_a_change(void **state)
{
	static const TopicRequests none;
	RouteSettings settings = {.key = "id"};
	RouteRecord other;
	Fixture fixture;

	(void) state;
	begin(&fixture, 3, 4);
	assert_true(route_record_make(&other, &settings, &fixture.error));
	fixture.plan.wanted = &other;
	assert_true(repartition_plan_decide(&fixture.plan, &none, &fixture.error));
	assert_false(repartition_plan_is_empty(&fixture.plan));
	route_record_free(&other);
	end(&fixture);
}

static void
refuses_requests_that_make_no_sense(void **state)
{
	static const char *const wrong[] = {"",	   "a/b",  "=3",   "a=",		   "a=0",
										"a=x", "a=-1", "a=3 ", "a=1000000000", "."};
	TopicRequests requests = {.count = 0};
	Error error;

	(void) state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		error_clear(&error);
		assert_false(topic_requests_add(&requests, wrong[i], &error));
		assert_int_equal(error.exit_code, EXIT_CONFIG);
	}
	assert_true(topic_requests_add(&requests, "a", &error));
	assert_false(topic_requests_add(&requests, "a=3", &error));
	assert_int_equal(requests.count, 1);
	while (requests.count < TOPIC_REQUESTS_MAX)
	{
		char name[16];

		snprintf(name, sizeof(name), "t%d", requests.count);
		assert_true(topic_requests_add(&requests, name, &error));
	}
	assert_false(topic_requests_add(&requests, "b", &error));
}

static char *
printed(const RepartitionPlan *plan)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	repartition_plan_print(plan, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
says_what_it_changes(void **state)
{
	TopicPlan topics[] = {{"a", 3, 5, 5}, {"b", 2, 2, 2}, {"c", 4, 7, 4}};
	RouteRecord recorded;
	RouteRecord wanted;
	RepartitionPlan plan = {&recorded, &wanted, 6, topics, 3};
	Error error;
	char *text;

	(void) state;
	assert_true(route_record_make(&recorded, &(RouteSettings){.key = "aggregateid"}, &error));
	assert_true(route_record_make(&wanted, &(RouteSettings){.key = "tenant"}, &error));
	text = printed(&plan);
	assert_string_equal(text, "setting table.field.event.key: \"aggregateid\" -> \"tenant\"\n"
							  "topic a: 3 -> 5 partitions\n"
							  "topic b: 2 partitions, as it is\n"
							  "topic c: 4 partitions, as it is (Kafka has 7)\n"
							  "generation: 6 -> 7\n");
	free(text);
	plan.wanted = &recorded;
	plan.topics = &topics[1];
	plan.topic_count = 1;
	text = printed(&plan);
	assert_string_equal(text, "topic b: 2 partitions, as it is\n"
							  "nothing is to be changed: generation 6 stays\n");
	free(text);
	route_record_free(&recorded);
	route_record_free(&wanted);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decides_by_what_kafka_has_and_who_asks),
		cmocka_unit_test(settings_alone_are_a_change),
		cmocka_unit_test(refuses_requests_that_make_no_sense),
		cmocka_unit_test(says_what_it_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
