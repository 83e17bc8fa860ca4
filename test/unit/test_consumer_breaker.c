/*
 * test_consumer_breaker.c
 *	  The conductor and its breaker, over a target that takes its time and fails as
 *	  it is told: what a call is, how long it took, and what orders do.
 */
#include "consumer_fakes.h"

#define SIZES_MAX 64
#define ROUND (10 * USEC_PER_MS)

static bool failing;			/* what is applied */
static size_t sizes[SIZES_MAX]; /* of the first applications */

static void
note_size(FakeTarget *target, const TargetApply *apply)
{
	if (target->applications < SIZES_MAX)
		sizes[target->applications] = apply->count;
}

static TargetEvent
fail_as_told(FakeTarget *target, TargetFailure *failure)
{
	(void) target;
	if (!failing)
		return TARGET_DONE;
	failure->failure = FAILURE_INFRASTRUCTURE;
	(void) error_transient(&failure->error, "made up");
	return TARGET_FAILED;
}

static void
scene_open(Scene *scene)
{
	scene_init(scene);
	failing = false;
	scene->inbox.end = 1;
	scene->target.next = 1;
	scene->target.look = note_size;
	scene->target.answer = fail_as_told;
	scene->config.breaker = (BreakerConfig){.failures = 5,
											.successes = 3,
											.reset_usec = 60 * SEC,
											.growth_percent = 100,
											.window = BREAKER_WINDOW_COUNT,
											.window_size = 10,
											.window_calls = 4,
											.slow_rate_percent = 50,
											.slow_usec = SEC};
	scene->config.probe_records = 3;
	scene->config.batch_target_usec = 10 * SEC;
	scene->config.retry_min_usec = 100 * USEC_PER_MS;
	scene->config.retry_max_usec = 2 * SEC;
	scene_start(scene);
	scene->now = clock_mono();
	scene->round_usec = ROUND;
}

static void
run(Scene *scene, int64_t usec)
{
	assert_true(scene_run(scene, usec));
}

static void
order(Scene *scene, BreakerOrder what)
{
	assert_true(consumer_order_breaker(scene->consumer, what, "test", scene->now));
	/* It counts at once, and not at the end of a wait. */
	assert_true(consumer_wake_at(scene->consumer, scene->now) <= scene->now);
}

static const Breaker *
breaker(const Scene *scene)
{
	return &scene->consumer->breaker;
}

/* With 200 records that the target fails to take. */
static void
scene_open_and_fail(Scene *scene)
{
	scene_open(scene);
	failing = true;
	scene->inbox.end = 201;
	run(scene, 30 * SEC);
	assert_int_equal(breaker(scene)->state, BREAKER_OPEN);
}

/* Each batch takes 1.5 s: the window fills with slow calls, and the fourth one opens it. */
static void
slow_is_from_sending_to_commit(void **state)
{
	Scene scene;
	BreakerCounts window;

	(void) state;
	scene_open(&scene);
	scene.target.delay_usec = 900 * USEC_PER_MS;
	/* What waits before it is sent isn't slow for that. */
	order(&scene, BREAKER_ORDER_OPEN);
	scene.inbox.end = 101;
	run(&scene, 20 * SEC);
	assert_int_equal(scene.target.applications, 0);
	order(&scene, BREAKER_ORDER_CLOSE);
	for (int i = 0; i < 3; i++)
	{
		run(&scene, 2 * SEC);
		scene.inbox.end += 100;
	}
	window = breaker_window(breaker(&scene), scene.now);
	assert_int_equal(window.calls, scene.target.applications);
	assert_in_range(window.calls, 3, 10);
	assert_int_equal(window.slow, 0);
	assert_int_equal(breaker(&scene)->state, BREAKER_CLOSED);

	order(&scene, BREAKER_ORDER_RESET);
	order(&scene, BREAKER_ORDER_OPEN);
	run(&scene, SEC);
	order(&scene, BREAKER_ORDER_CLOSE);
	scene.target.applications = 0;
	scene.target.delay_usec = 1500 * USEC_PER_MS;
	for (int i = 0; i < 6 && breaker(&scene)->state == BREAKER_CLOSED; i++)
	{
		scene.inbox.end += 100;
		run(&scene, 2 * SEC);
	}
	assert_int_equal(breaker(&scene)->state, BREAKER_OPEN);
	assert_int_equal(scene.target.applications, 4);
	scene_close(&scene);
}

static void
forced_open_it_holds_everything(void **state)
{
	Scene scene;

	(void) state;
	scene_open(&scene);
	scene.target.delay_usec = SEC / 2;
	scene.inbox.end = 50;
	run(&scene, SEC / 4);
	assert_int_equal(scene.target.applications, 1);
	/* What is under way ends, and nothing else is sent, however long. */
	order(&scene, BREAKER_ORDER_OPEN);
	run(&scene, SEC);
	assert_true(scene.target.next > 1);
	assert_true(scene.inbox.paused);
	scene.inbox.end = 1000;
	run(&scene, 600 * SEC);
	assert_int_equal(scene.target.applications, 1);
	assert_true(scene.inbox.paused);
	order(&scene, BREAKER_ORDER_CLOSE);
	run(&scene, 30 * SEC);
	assert_int_equal(scene.target.next, 1000);
	assert_false(scene.inbox.paused);
	assert_int_equal(breaker(&scene)->transitions[BREAKER_CLOSED][BREAKER_OPEN], 1);
	assert_int_equal(breaker(&scene)->transitions[BREAKER_OPEN][BREAKER_CLOSED], 1);
	scene_close(&scene);
}

/* 5 failures, 60 seconds, 3 successes, and what waits is applied. */
static void
by_the_book(void **state)
{
	Scene scene;
	MonoUsec opened;

	(void) state;
	scene_open_and_fail(&scene);
	assert_int_equal(scene.target.applications, 5);
	opened = breaker(&scene)->since;
	run(&scene, opened + 60 * SEC - scene.now);
	assert_int_equal(scene.target.applications, 5);
	failing = false;
	while (breaker(&scene)->state != BREAKER_CLOSED && scene.now < opened + 70 * SEC)
		run(&scene, ROUND);
	assert_int_equal(breaker(&scene)->state, BREAKER_CLOSED);
	/* One small batch at a time until then. */
	for (int i = 5; i < 8; i++)
		assert_int_equal(sizes[i], 3);
	assert_int_equal(scene.target.next, 10);
	run(&scene, 5 * SEC);
	assert_int_equal(scene.target.next, 201);
	scene_close(&scene);
}

static void
who_releases_it_means_now(void **state)
{
	Scene scene;
	unsigned before;

	(void) state;
	scene_open_and_fail(&scene);
	/* Too early: one probe, and open for the whole wait again. */
	before = scene.target.applications;
	order(&scene, BREAKER_ORDER_HALF_OPEN);
	run(&scene, SEC);
	assert_int_equal(scene.target.applications, before + 1);
	assert_int_equal(breaker(&scene)->state, BREAKER_OPEN);
	failing = false;
	order(&scene, BREAKER_ORDER_HALF_OPEN);
	run(&scene, SEC);
	assert_int_equal(breaker(&scene)->state, BREAKER_CLOSED);
	assert_int_equal(scene.target.next, 201);
	/* There is nothing to try in a closed one. */
	assert_false(
		consumer_order_breaker(scene.consumer, BREAKER_ORDER_HALF_OPEN, "test", scene.now));
	/* Also over the delay after a failure. */
	scene.consumer->lanes[0].retry.retry_at = scene.now + 3600 * SEC;
	scene.inbox.end = 301;
	run(&scene, SEC);
	assert_int_equal(scene.target.next, 201);
	order(&scene, BREAKER_ORDER_CLOSE);
	run(&scene, SEC);
	assert_int_equal(scene.target.next, 301);
	scene_close(&scene);
}

static void
names_of_orders(void **state)
{
	static const char *const names[] = {"open", "half-open", "close", "disable", "reset"};
	BreakerOrder what;

	(void) state;
	for (size_t i = 0; i < LENGTH(names); i++)
	{
		assert_true(consumer_breaker_order(names[i], &what));
		assert_int_equal(what, i);
	}
	assert_false(consumer_breaker_order("", &what));
	assert_false(consumer_breaker_order("opened", &what));
	assert_false(consumer_breaker_order("Open", &what));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_is_from_sending_to_commit),
		cmocka_unit_test(forced_open_it_holds_everything),
		cmocka_unit_test(by_the_book),
		cmocka_unit_test(who_releases_it_means_now),
		cmocka_unit_test(names_of_orders),
	};

	return cmocka_run_group_tests_name("consumer_breaker", tests, NULL, NULL);
}
