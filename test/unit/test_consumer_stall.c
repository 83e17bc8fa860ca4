/*
 * test_consumer_stall.c
 *	  The conductor over a Kafka that stops giving records of a partition, and a
 *	  target that takes everything.
 */
#include "consumer_fakes.h"

static void
open_at(Scene *scene, int64_t next, int64_t end)
{
	scene_init(scene);
	scene->inbox.end = end;
	scene->target.next = next;
	scene_start(scene);
}

static void
run(Scene *scene, int64_t seconds)
{
	assert_true(scene_run(scene, seconds * SEC));
	assert_int_equal(scene->target.probes, 0);
}

static void
what_gets_stuck_is_read_anew(void **state)
{
	Scene scene;

	(void) state;
	open_at(&scene, -1, 10);
	run(&scene, 5);
	assert_int_equal(scene.target.applied, 10);
	scene.inbox.stuck = true;
	scene.inbox.end = 20;
	run(&scene, 60);
	assert_int_equal(scene.inbox.anew, 1);
	assert_int_equal(scene.target.applied, 20);
	assert_int_equal(scene.target.next, 20);
	/* And never again while all goes well, with or without records. */
	run(&scene, 100);
	scene.inbox.end = 30;
	run(&scene, 100);
	assert_int_equal(scene.inbox.anew, 1);
	assert_int_equal(scene.target.applied, 30);
	scene_close(&scene);
}

/* Stuck before anything came: the record to compare with is still the first. */
static void
what_never_began_begins_anew(void **state)
{
	Scene scene;

	(void) state;
	open_at(&scene, 7, 9);
	scene.inbox.stuck = true;
	run(&scene, 60);
	assert_int_equal(scene.inbox.anew, 1);
	assert_int_equal(scene.target.applied, 2);
	assert_int_equal(scene.target.next, 9);
	scene_close(&scene);

	open_at(&scene, -1, 2);
	scene.inbox.stuck = true;
	run(&scene, 60);
	assert_int_equal(scene.inbox.anew, 1);
	assert_int_equal(scene.target.applied, 2);
	scene_close(&scene);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_gets_stuck_is_read_anew),
		cmocka_unit_test(what_never_began_begins_anew),
	};

	return cmocka_run_group_tests_name("consumer_stall", tests, NULL, NULL);
}
