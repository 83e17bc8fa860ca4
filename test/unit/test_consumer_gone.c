/*
 * test_consumer_gone.c
 *	  The conductor over a partition where the progress isn't just behind a record: that was
 *	  compacted away, or somebody set the progress.
 *
 * The target has applied up to offset 4, so that the next one is 5 unless it was set; the
 * partition has records up to 9.
 */
#include "unit.h"

#include "consumer_fakes.h"
#include "exit_codes.h"

#define MADE_AT 1000000 /* ms; the time of all records */

static Scene scene;
static int64_t first_left; /* 4 is gone, and all before this */

static bool
is_gone(int64_t offset)
{
	return offset == 4 || offset < first_left;
}

static void
date(InboxRecord *record)
{
	record->timestamp_ms = MADE_AT;
}

/* All of one event: repetitions, for whoever has it. */
static void
place_at_9(InboxRecord *record)
{
	static InboxHeader position;

	position = (InboxHeader){view_of("outbox-position"), view_of("src/1.1/0/9/0")};
	date(record);
	record->headers = &position;
	record->header_count = 1;
}

static TargetPosition applied = {
	.topic = "t", .source_id = "src", .position = {.generation = 1, .timeline = 1}};

static int
start(void **state)
{
	(void) state;
	scene_init(&scene);
	scene.inbox.fill = date;
	scene.inbox.gone = is_gone;
	scene.inbox.end = 10;
	scene.target.next = 5;
	scene.target.last_timestamp_ms = MADE_AT;
	scene.target.moved_at_ms = MADE_AT;
	first_left = 0;
	return 0;
}

static int
end(void **state)
{
	(void) state;
	scene_close(&scene);
	return 0;
}

static void
reads_on_to_the_end(void)
{
	scene_start(&scene);
	assert_true(scene_run(&scene, 5 * SEC));
	assert_int_equal(scene.target.next, 10);
	assert_int_equal(scene.target.applied, 5);
}

static void
what_comes_before_it_is_old(void **state)
{
	(void) state;
	reads_on_to_the_end();
	assert_int_equal(scene.inbox.rewinds, 2);
	assert_int_equal(scene.inbox.rewound[0], INBOX_OFFSET_BEGINNING);
	assert_int_equal(scene.inbox.rewound[1], 5);
}

static void
nothing_comes_before_it(void **state)
{
	(void) state;
	first_left = 5;
	reads_on_to_the_end();
	/* That it comes next is seen where it has to come: retention may have taken more. */
	assert_int_equal(scene.inbox.rewinds, 2);
	assert_int_equal(scene.inbox.rewound[1], 5);
}

static void
it_is_there(void **state)
{
	(void) state;
	scene.inbox.gone = NULL;
	reads_on_to_the_end();
	assert_int_equal(scene.inbox.rewinds, 0);
}

static void
an_inbox_that_does_not_say_when(void **state)
{
	(void) state;
	scene.target.last_timestamp_ms = scene.target.moved_at_ms = -1;
	reads_on_to_the_end();
}

static void
what_comes_before_it_is_new(void **state)
{
	const Error *error;

	(void) state;
	scene.target.last_timestamp_ms = scene.target.moved_at_ms = MADE_AT - 61000;
	scene_start(&scene);
	assert_false(scene_run(&scene, 5 * SEC));
	assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_OFFSETS);
	assert_non_null(strstr(error->message, "offset 0 is newer"));
	assert_int_equal(scene.target.applied, 0);
	assert_int_equal(scene.target.next, 5);
}

/* Made again just now: in the place of the last record it has the end of a transaction. */
static void
what_comes_before_it_has_a_higher_position(void **state)
{
	const Error *error;

	(void) state;
	scene.inbox.fill = place_at_9;
	scene.target.position = &applied;
	applied.position.commit_lsn = 8;
	scene_start(&scene);
	assert_false(scene_run(&scene, 5 * SEC));
	assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_OFFSETS);
	assert_non_null(strstr(error->message, "offset 0 is newer"));
	assert_int_equal(scene.target.applied, 0);
}

static void
what_comes_before_it_has_no_higher_position(void **state)
{
	(void) state;
	scene.inbox.fill = place_at_9;
	scene.target.position = &applied;
	applied.position.commit_lsn = 9;
	scene_start(&scene);
	assert_true(scene_run(&scene, 5 * SEC));
	assert_int_equal(scene.target.next, 10);
}

/* Its topic was deleted while the beginning was looked for: no offset is out of range for that. */
static void
a_beginning_that_is_not_found(void **state)
{
	(void) state;
	scene.inbox.gone = NULL;
	scene.inbox.stuck = true;
	scene.target.next = -1;
	scene_start(&scene);
	assert_true(scene_run(&scene, 5 * SEC));
	for (unsigned times = 1; times <= 3; times++)
	{
		scene.inbox.place.offset = INBOX_OFFSET_BEGINNING;
		scene.inbox.next_event = INBOX_OUT_OF_RANGE;
		assert_true(scene_run(&scene, 5 * SEC));
		assert_int_equal(scene.inbox.rewinds, times);
		assert_int_equal(scene.inbox.rewound[times - 1], INBOX_OFFSET_BEGINNING);
	}
	scene.inbox.stuck = false;
	assert_true(scene_run(&scene, 5 * SEC));
	assert_int_equal(scene.target.applied, 10);
}

/* -------------------------------------------------------------------------
 * set by hand
 * ------------------------------------------------------------------------- */

static void
set_progress(int64_t next)
{
	scene.inbox.gone = NULL;
	scene.target.next = next;
	scene.target.set_by = next - 5;
}

/* The inbox says that it came to the end of the partition. */
static void
tell_end(void)
{
	scene.inbox.place.offset = scene.inbox.end;
	scene.inbox.next_event = INBOX_END;
}

static void
progress_beyond_the_end_stops_it(void **state)
{
	const Error *error;

	(void) state;
	set_progress(20);
	scene_start(&scene);
	assert_true(scene_run(&scene, 15 * SEC));
	/* The brokers' word for it is needed, too. */
	scene.inbox.silent = true;
	tell_end();
	assert_true(scene_run(&scene, 15 * SEC));
	scene.inbox.silent = false;
	assert_false(scene_run(&scene, 15 * SEC));
	assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_OFFSETS);
	assert_non_null(strstr(error->message, "is 20,"));
	assert_non_null(strstr(error->detail, "ends at 10"));
	assert_int_equal(scene.target.applied, 0);
}

/* Even when it isn't there yet, as long as nobody says so. */
static void
progress_ahead_leaves_out_what_is_before(void **state)
{
	(void) state;
	set_progress(8);
	scene.inbox.end = 7;
	scene.inbox.silent = true;
	scene_start(&scene);
	assert_true(scene_run(&scene, 15 * SEC));
	tell_end();
	assert_true(scene_run(&scene, 15 * SEC));
	scene.inbox.end = 10;
	scene.inbox.silent = false;
	assert_true(scene_run(&scene, 15 * SEC));
	assert_int_equal(scene.target.next, 10);
	assert_int_equal(scene.target.applied, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_comes_before_it_is_old, start, end),
		cmocka_unit_test_setup_teardown(nothing_comes_before_it, start, end),
		cmocka_unit_test_setup_teardown(it_is_there, start, end),
		cmocka_unit_test_setup_teardown(an_inbox_that_does_not_say_when, start, end),
		cmocka_unit_test_setup_teardown(what_comes_before_it_is_new, start, end),
		cmocka_unit_test_setup_teardown(what_comes_before_it_has_a_higher_position, start, end),
		cmocka_unit_test_setup_teardown(what_comes_before_it_has_no_higher_position, start, end),
		cmocka_unit_test_setup_teardown(a_beginning_that_is_not_found, start, end),
		cmocka_unit_test_setup_teardown(progress_beyond_the_end_stops_it, start, end),
		cmocka_unit_test_setup_teardown(progress_ahead_leaves_out_what_is_before, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
