/*
 * test_consumer_session.c
 *	  The conductor over a target whose sessions end, and that isn't the same
 *	  afterwards; and one that has nothing to do.
 */
#include "consumer_fakes.h"
#include "exit_codes.h"

static void
open_at(Scene *scene, int64_t end)
{
	scene_init(scene);
	scene->inbox.end = end;
	scene_start(scene);
}

/* Whoever is there next has so much. */
static void
fail_over(Scene *scene, int64_t next)
{
	scene->target.connected = false;
	scene->target.next = next;
}

static void
what_the_next_server_lacks_is_applied_again(void **state)
{
	Scene scene;

	(void) state;
	open_at(&scene, 50);
	assert_true(scene_run(&scene, 5 * SEC));
	assert_int_equal(scene.target.next, 50);
	/* More often than a rival may. */
	for (int64_t lacks = 10; lacks <= 50; lacks += 10)
	{
		int64_t applied = scene.target.applied;

		fail_over(&scene, 50 - lacks);
		assert_true(scene_run(&scene, 10 * SEC));
		assert_int_equal(scene.target.next, 50);
		assert_int_equal(scene.target.applied - applied, lacks);
	}
	assert_int_equal(scene.consumer->stats.lost_records, 150);
	scene_close(&scene);
}

/* It lacks the partition itself. */
static void
a_server_that_has_nothing_gets_all(void **state)
{
	Scene scene;

	(void) state;
	open_at(&scene, 20);
	assert_true(scene_run(&scene, 5 * SEC));
	fail_over(&scene, -1);
	assert_true(scene_run(&scene, 10 * SEC));
	assert_int_equal(scene.target.next, 20);
	assert_int_equal(scene.target.applied, 40);
	assert_int_equal(scene.consumer->stats.lost_records, 20);
	scene_close(&scene);
}

static void
a_server_that_has_all_is_gone_on_with(void **state)
{
	Scene scene;

	(void) state;
	open_at(&scene, 20);
	assert_true(scene_run(&scene, 5 * SEC));
	fail_over(&scene, 20);
	scene.inbox.end = 30;
	assert_true(scene_run(&scene, 10 * SEC));
	assert_int_equal(scene.target.applied, 30);
	assert_int_equal(scene.consumer->stats.lost_records, 0);
	scene_close(&scene);
}

/* Progress that is ahead of ours isn't an older server's. */
static void
who_goes_on_moving_it_ahead_is_a_rival(void **state)
{
	const Error *error;
	Scene scene;

	(void) state;
	open_at(&scene, 20);
	assert_true(scene_run(&scene, 5 * SEC));
	fail_over(&scene, 21);
	assert_true(scene_run(&scene, 10 * SEC));
	fail_over(&scene, 22);
	assert_true(scene_run(&scene, 10 * SEC));
	fail_over(&scene, 23);
	assert_false(scene_run(&scene, 10 * SEC));
	assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_FENCED);
	scene_close(&scene);
}

static void
at_rest_it_is_asked_now_and_then(void **state)
{
	Scene scene;

	(void) state;
	scene_init(&scene);
	scene.inbox.end = 10;
	scene.config.probe_interval_usec = 3 * SEC;
	scene.config.breaker.window_usec = 3600 * SEC;
	scene_start(&scene);
	assert_true(scene_run(&scene, 61 * SEC));
	assert_in_range(scene.target.probes, 15, 20);
	/* That is no news for the breaker, and commits aren't thinned out by it. */
	assert_int_equal(breaker_window(&scene.consumer->breaker, scene.now).calls,
					 scene.target.applications);
	scene_close(&scene);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_next_server_lacks_is_applied_again),
		cmocka_unit_test(a_server_that_has_nothing_gets_all),
		cmocka_unit_test(a_server_that_has_all_is_gone_on_with),
		cmocka_unit_test(who_goes_on_moving_it_ahead_is_a_rival),
		cmocka_unit_test(at_rest_it_is_asked_now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
