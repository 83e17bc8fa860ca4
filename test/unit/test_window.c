/*
 * test_window.c
 *	  The delivery window, case by case.  test_window_model.c compares it with a
 *	  naive model under random calls.
 */
#include "unit.h"

#include <malloc.h>

#include "window.h"

static DeliveryWindow *
create(uint32_t max_events, uint32_t max_transactions, uint64_t max_bytes)
{
	WindowLimits limits = {max_events, max_transactions, max_bytes};
	DeliveryWindow *window = window_create(&limits);

	assert_non_null(window);
	return window;
}

static void
begin(DeliveryWindow *window, PgLsn commit_lsn)
{
	Error error;

	assert_int_equal(window_begin(window, commit_lsn, (PgUsec) commit_lsn * 10, &error), IO_OK);
}

static DeliveryToken
add(DeliveryWindow *window, uint64_t ordinal)
{
	DeliveryToken token = 0;
	Error error;

	assert_int_equal(window_add(window, ordinal, 10, &token, &error), IO_OK);
	assert_true(token != 0);
	return token;
}

static void
commit(DeliveryWindow *window, PgLsn end_lsn)
{
	Error error;

	assert_int_equal(window_commit(window, end_lsn, &error), IO_OK);
}

static void
expect_resume(const DeliveryWindow *window, PgLsn start_lsn, PgLsn commit_lsn, uint64_t ordinal)
{
	ResumePoint point = window_resume_point(window);

	assert_true(point.start_lsn == start_lsn);
	assert_true(point.commit_lsn == commit_lsn);
	assert_true(point.ordinal == ordinal);
}

static void
is_empty_at_first(void **state)
{
	DeliveryWindow *window = create(4, 4, 100);

	(void) state;
	assert_true(window_confirmed(window) == LSN_INVALID);
	assert_true(window_is_idle(window));
	assert_false(window_in_transaction(window));
	assert_int_equal(window_events(window), 0);
	assert_true(window_oldest_commit_time(window) == 0);
	expect_resume(window, LSN_INVALID, LSN_INVALID, 0);
	window_reset(window, 500);
	assert_true(window_confirmed(window) == 500);
	expect_resume(window, 500, LSN_INVALID, 0);
	window_free(window);
	window_free(NULL);
}

static void
needs_room_for_something(void **state)
{
	WindowLimits no_events = {0, 1, 1};
	WindowLimits no_transactions = {1, 0, 1};

	(void) state;
	assert_null(window_create(&no_events));
	assert_null(window_create(&no_transactions));
}

static void
confirms_the_settled_prefix_alone(void **state)
{
	DeliveryWindow *window = create(8, 8, 1000);
	DeliveryToken a0;
	DeliveryToken a1;
	DeliveryToken b0;
	Settled settled;

	(void) state;
	begin(window, 100);
	a0 = add(window, 0);
	a1 = add(window, 1);
	commit(window, 110);
	begin(window, 200);
	b0 = add(window, 0);
	commit(window, 210);
	begin(window, 300); /* no events of ours: waits for those before it */
	commit(window, 310);
	assert_int_equal(window_events(window), 3);
	assert_int_equal(window_bytes(window), 30);

	assert_true(window_settle(window, b0, NULL));
	assert_true(window_confirmed(window) == 0);
	assert_true(window_settle(window, a1, &settled));
	assert_true(settled.commit_lsn == 100);
	assert_int_equal(settled.ordinal, 1);
	assert_int_equal(settled.commit_time, 1000);
	assert_true(window_confirmed(window) == 0);
	assert_true(window_oldest_commit_time(window) == 1000);
	expect_resume(window, 0, 100, 0);

	assert_true(window_settle(window, a0, NULL));
	assert_true(window_confirmed(window) == 310);
	assert_true(window_is_idle(window));
	expect_resume(window, 310, LSN_INVALID, 0);
	window_free(window);
}

static void
an_open_transaction_holds_the_position(void **state)
{
	DeliveryWindow *window = create(8, 8, 1000);
	DeliveryToken token;

	(void) state;
	begin(window, 100);
	assert_true(window_in_transaction(window));
	expect_resume(window, 0, 100, 0);
	token = add(window, 0);
	assert_true(window_settle(window, token, NULL));
	assert_int_equal(window_events(window), 0);
	assert_false(window_is_idle(window));
	assert_true(window_confirmed(window) == 0);
	assert_true(window_oldest_commit_time(window) == 0);
	expect_resume(window, 0, 100, 1); /* event 0 need not be sent again */
	commit(window, 110);
	assert_true(window_confirmed(window) == 110);
	window_free(window);
}

static void
a_transaction_larger_than_the_window_passes(void **state)
{
	enum
	{
		MANY = 10000,
		ROOM = 3
	};
	DeliveryWindow *window = create(ROOM, 2, 1000);
	DeliveryToken tokens[ROOM];
	DeliveryToken extra;
	Error error;

	(void) state;
	begin(window, 100);
	for (uint64_t i = 0; i < MANY; i++)
	{
		if (i >= ROOM)
		{
			assert_int_equal(window_add(window, i, 10, &extra, &error), IO_FULL);
			assert_true(window_settle(window, tokens[i % ROOM], NULL));
		}
		tokens[i % ROOM] = add(window, i);
	}
	assert_true(window_confirmed(window) == 0);
	expect_resume(window, 0, 100, MANY - ROOM);
	commit(window, 110);
	for (int i = 0; i < ROOM; i++)
		assert_true(window_settle(window, tokens[i], NULL));
	assert_true(window_confirmed(window) == 110);
	window_free(window);
}

/* What would have to be repeated after a failure stays below max_events. */
static void
an_unsettled_event_holds_the_room_behind_it(void **state)
{
	DeliveryWindow *window = create(3, 2, 1000);
	DeliveryToken first;
	DeliveryToken token;
	Error error;

	(void) state;
	begin(window, 100);
	first = add(window, 0);
	for (uint64_t i = 1; i < 3; i++)
		assert_true(window_settle(window, add(window, i), NULL));
	assert_int_equal(window_events(window), 1);
	assert_int_equal(window_add(window, 3, 10, &token, &error), IO_FULL);
	assert_true(window_settle(window, first, NULL));
	expect_resume(window, 0, 100, 3);
	for (uint64_t i = 3; i < 6; i++)
		add(window, i);
	window_free(window);
}

static void
bytes_are_bounded_but_a_large_event_passes_alone(void **state)
{
	DeliveryWindow *window = create(8, 2, 100);
	DeliveryToken small;
	DeliveryToken large;
	Error error;

	(void) state;
	begin(window, 100);
	small = add(window, 0);
	assert_int_equal(window_add(window, 1, 91, &large, &error), IO_FULL);
	assert_int_equal(window_add(window, 1, UINT32_MAX, &large, &error), IO_FULL);
	assert_int_equal(window_add(window, 1, 90, &large, &error), IO_OK);
	assert_int_equal(window_bytes(window), 100);
	assert_int_equal(window_add(window, 2, 0, &large, &error), IO_OK);
	assert_int_equal(window_add(window, 3, 1, &large, &error), IO_FULL);
	window_reset(window, 0);

	begin(window, 100);
	assert_int_equal(window_add(window, 0, UINT32_MAX, &large, &error), IO_OK);
	assert_int_equal(window_add(window, 1, 1, &small, &error), IO_FULL);
	assert_true(window_settle(window, large, NULL));
	assert_int_equal(window_bytes(window), 0);
	window_free(window);
}

static void
transactions_are_bounded(void **state)
{
	DeliveryWindow *window = create(8, 2, 100);
	DeliveryToken token;
	Error error;

	(void) state;
	begin(window, 100);
	token = add(window, 0);
	commit(window, 110);
	begin(window, 200);
	commit(window, 210);
	assert_int_equal(window_begin(window, 300, 0, &error), IO_FULL);
	assert_false(window_in_transaction(window));
	assert_true(window_settle(window, token, NULL));
	begin(window, 300);
	window_free(window);
}

static void
a_token_settles_once(void **state)
{
	DeliveryWindow *window = create(2, 4, 100);
	DeliveryToken held;
	DeliveryToken token;
	Settled settled;

	(void) state;
	begin(window, 100);
	held = add(window, 0);
	token = add(window, 1);
	assert_true(window_peek(window, token, &settled));
	assert_int_equal(settled.ordinal, 1);
	assert_true(window_settle(window, token, NULL));
	assert_false(window_settle(window, token, NULL)); /* still in the ring */
	assert_false(window_peek(window, token, &settled));
	assert_true(window_settle(window, held, NULL));
	assert_false(window_settle(window, held, NULL)); /* no longer in the ring */
	assert_true(add(window, 2) != held);			 /* the same slot again */
	assert_false(window_settle(window, held, NULL));
	assert_false(window_settle(window, 0, NULL));
	assert_false(window_settle(window, UINT64_MAX, NULL));
	assert_int_equal(window_events(window), 1);
	window_free(window);
}

static void
tokens_from_before_a_reset_are_stale(void **state)
{
	DeliveryWindow *window = create(2, 4, 100);
	DeliveryToken before;
	DeliveryToken after;

	(void) state;
	begin(window, 100);
	before = add(window, 0);
	window_reset(window, 0);
	assert_true(window_is_idle(window));
	assert_int_equal(window_bytes(window), 0);
	assert_false(window_settle(window, before, NULL));
	begin(window, 100); /* the stream starts again */
	after = add(window, 0);
	assert_true(after != before);
	commit(window, 110);
	assert_false(window_settle(window, before, NULL));
	assert_true(window_confirmed(window) == 0);
	assert_true(window_settle(window, after, NULL));
	assert_true(window_confirmed(window) == 110);
	window_free(window);
}

static void
a_reset_never_moves_confirmed_back(void **state)
{
	DeliveryWindow *window = create(2, 4, 100);

	(void) state;
	window_reset(window, 500);
	window_reset(window, 400);
	assert_true(window_confirmed(window) == 500);
	window_reset(window, 600);
	assert_true(window_confirmed(window) == 600);
	window_free(window);
}

static void
the_newest_event_can_be_taken_back(void **state)
{
	DeliveryWindow *window = create(2, 4, 100);
	DeliveryToken first;
	DeliveryToken second;
	DeliveryToken again;

	(void) state;
	begin(window, 100);
	first = add(window, 0);
	second = add(window, 5);
	window_retract(window, first); /* not the newest */
	assert_int_equal(window_events(window), 2);
	window_retract(window, second);
	assert_int_equal(window_events(window), 1);
	assert_int_equal(window_bytes(window), 10);
	window_retract(window, second);
	window_retract(window, first); /* was published */
	assert_int_equal(window_events(window), 1);
	again = add(window, 5);
	assert_true(again != second);
	assert_false(window_settle(window, second, NULL));
	assert_true(window_settle(window, first, NULL));
	window_retract(window, again);
	expect_resume(window, 0, 100, 1);
	again = add(window, 1);
	commit(window, 110);
	window_retract(window, again); /* too late */
	assert_int_equal(window_events(window), 1);
	assert_true(window_settle(window, again, NULL));
	assert_true(window_confirmed(window) == 110);
	window_free(window);
}

static void
an_idle_position_counts_when_nothing_is_open(void **state)
{
	DeliveryWindow *window = create(4, 4, 100);
	DeliveryToken token;

	(void) state;
	window_idle_at(window, 100);
	assert_true(window_confirmed(window) == 100);
	window_idle_at(window, 50);
	assert_true(window_confirmed(window) == 100);
	begin(window, 100); /* equal to the idle position */
	window_idle_at(window, 1000);
	token = add(window, 0);
	window_idle_at(window, 1000);
	commit(window, 110);
	window_idle_at(window, 1000);
	assert_true(window_confirmed(window) == 100);
	expect_resume(window, 100, 100, 0);
	assert_true(window_settle(window, token, NULL));
	assert_true(window_confirmed(window) == 110);
	window_idle_at(window, 1000);
	assert_true(window_confirmed(window) == 1000);
	window_free(window);
}

static void
expect_bug(IoResult result, const Error *error)
{
	assert_int_equal(result, IO_FAILED);
	assert_int_equal(error->error_class, ERROR_CLASS_BUG);
}

static void
calls_out_of_order_are_bugs(void **state)
{
	DeliveryWindow *window = create(4, 4, 100);
	DeliveryToken token;
	Error error;

	(void) state;
	window_reset(window, 90);
	expect_bug(window_add(window, 0, 10, &token, &error), &error);
	expect_bug(window_commit(window, 110, &error), &error);
	expect_bug(window_begin(window, LSN_INVALID, 0, &error), &error);
	expect_bug(window_begin(window, 89, 0, &error), &error); /* confirmed already */
	begin(window, 100);
	expect_bug(window_begin(window, 200, 0, &error), &error);
	token = add(window, 3);
	expect_bug(window_add(window, 3, 10, &token, &error), &error);
	expect_bug(window_add(window, 2, 10, &token, &error), &error);
	expect_bug(window_add(window, UINT64_MAX, 10, &token, &error), &error);
	expect_bug(window_commit(window, 100, &error), &error);
	commit(window, 110);
	expect_bug(window_begin(window, 100, 0, &error), &error);
	expect_bug(window_begin(window, 109, 0, &error), &error); /* within the one before */
	begin(window, 110);
	assert_int_equal(window_events(window), 1);
	window_free(window);
}

static void
nothing_is_allocated_later(void **state)
{
	DeliveryWindow *window = create(16, 16, 1000);
	size_t before = mallinfo2().uordblks;

	(void) state;
	for (PgLsn lsn = 100; lsn < 100000; lsn += 20)
	{
		begin(window, lsn);
		for (uint64_t i = 0; i < 3; i++)
			assert_true(window_settle(window, add(window, i), NULL));
		commit(window, lsn + 10);
	}
	assert_true(mallinfo2().uordblks == before);
	window_free(window);
}

/* A window that is mostly idle uses one slot again and again, and so little memory. */
static void
a_lone_event_takes_the_first_slot(void **state)
{
	DeliveryWindow *window = create(16, 16, 1000);

	(void) state;
	for (PgLsn lsn = 100; lsn < 2000; lsn += 20)
	{
		DeliveryToken token;

		begin(window, lsn);
		token = add(window, 0);
		assert_int_equal(token & UINT32_MAX, 0);
		commit(window, lsn + 10);
		assert_true(window_settle(window, token, NULL));
	}
	window_free(window);
}

static void
limits_change_while_nothing_is_in_flight(void **state)
{
	DeliveryWindow *window = create(4, 4, 1000);
	const WindowLimits small = {1, 1, 1000};
	const WindowLimits large = {8, 8, 1000};
	const WindowLimits none = {0, 1, 1000};
	const WindowLimits no_transactions = {1, 0, 1000};
	DeliveryToken old;
	DeliveryToken token;
	Error error;

	(void) state;
	begin(window, 100);
	old = add(window, 0);
	assert_false(window_resize(window, &large, &error));
	assert_true(window_settle(window, old, NULL));
	assert_false(window_resize(window, &none, &error));
	assert_false(window_resize(window, &no_transactions, &error));
	/* The open transaction goes on: its ordinals, its position, its end. */
	assert_true(window_resize(window, &small, &error));
	assert_true(window_in_transaction(window));
	expect_resume(window, LSN_INVALID, 100, 1);
	token = add(window, 1);
	assert_true(token != old);
	assert_false(window_settle(window, old, NULL));
	assert_int_equal(window_add(window, 2, 10, &old, &error), IO_FULL);
	assert_true(window_settle(window, token, NULL));
	commit(window, 110);
	assert_true(window_confirmed(window) == 110);
	assert_true(window_transactions_settled(window) == 1);

	assert_true(window_resize(window, &large, &error));
	begin(window, 200);
	for (uint64_t i = 0; i < 8; i++)
		(void) add(window, i);
	assert_int_equal(window_add(window, 8, 10, &old, &error), IO_FULL);
	assert_true(window_confirmed(window) == 110);
	window_free(window);
}

static void
count_settled(PgUsec commit_time, uint32_t events, void *arg)
{
	uint64_t *sum = arg;

	*sum += (uint64_t) commit_time * events;
}

/* In a Kafka transaction: written events take no room, and settle all at once. */
static void
written_events_settle_together(void **state)
{
	DeliveryWindow *window = create(4, 16, 1000);
	DeliveryToken late;
	uint64_t sum = 0;

	(void) state;
	begin(window, 100);
	for (uint64_t i = 0; i < 6; i++)
		assert_true(window_write(window, add(window, i), NULL));
	commit(window, 110);
	begin(window, 120);
	late = add(window, 0);
	assert_true(window_write(window, add(window, 1), NULL)); /* before the one in front of it */
	assert_int_equal(window_events(window), 8);
	assert_int_equal(window_unacknowledged(window), 1);
	assert_int_equal(window_bytes(window), 10);
	assert_int_equal(window_confirmed(window), 0);
	assert_false(window_is_idle(window));
	assert_int_equal(window_oldest_commit_time(window), 1000);
	assert_true(window_write(window, late, NULL));
	assert_false(window_write(window, late, NULL));
	assert_false(window_settle(window, late, NULL));
	commit(window, 130);
	assert_int_equal(window_confirmed(window), 0);
	window_settle_written(window, count_settled, &sum);
	assert_int_equal(sum, 1000 * 6 + 1200 * 2);
	assert_int_equal(window_confirmed(window), 130);
	assert_int_equal(window_events(window), 0);
	assert_true(window_is_idle(window));
	window_free(window);
}

/* What was written and not committed goes again from its first event. */
static void
a_resume_point_is_before_what_is_written(void **state)
{
	DeliveryWindow *window = create(4, 16, 1000);
	ResumePoint point;

	(void) state;
	begin(window, 100);
	assert_true(window_write(window, add(window, 0), NULL));
	window_settle_written(window, NULL, NULL);
	for (uint64_t i = 3; i < 9; i++)
		assert_true(window_write(window, add(window, i), NULL));
	(void) add(window, 9);
	point = window_resume_point(window);
	assert_int_equal(point.commit_lsn, 100);
	assert_int_equal(point.ordinal, 3);
	window_reset(window, 0);
	assert_int_equal(window_events(window), 0);
	assert_int_equal(window_resume_point(window).commit_lsn, LSN_INVALID);
	window_free(window);
}

/* Neither what is written, nor a transaction that waits for its events, may be forgotten. */
static void
limits_stay_while_something_is_written(void **state)
{
	DeliveryWindow *window = create(4, 4, 1000);
	const WindowLimits large = {8, 8, 1000};
	DeliveryToken token;
	Error error;

	(void) state;
	begin(window, 100);
	token = add(window, 0);
	assert_true(window_write(window, token, NULL));
	commit(window, 110);
	assert_false(window_resize(window, &large, &error));
	assert_int_equal(error.error_class, ERROR_CLASS_BUG);
	window_settle_written(window, NULL, NULL);
	assert_true(window_resize(window, &large, &error));
	window_free(window);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_stay_while_something_is_written),
		cmocka_unit_test(is_empty_at_first),
		cmocka_unit_test(needs_room_for_something),
		cmocka_unit_test(confirms_the_settled_prefix_alone),
		cmocka_unit_test(an_open_transaction_holds_the_position),
		cmocka_unit_test(a_transaction_larger_than_the_window_passes),
		cmocka_unit_test(an_unsettled_event_holds_the_room_behind_it),
		cmocka_unit_test(bytes_are_bounded_but_a_large_event_passes_alone),
		cmocka_unit_test(transactions_are_bounded),
		cmocka_unit_test(a_token_settles_once),
		cmocka_unit_test(tokens_from_before_a_reset_are_stale),
		cmocka_unit_test(a_reset_never_moves_confirmed_back),
		cmocka_unit_test(the_newest_event_can_be_taken_back),
		cmocka_unit_test(an_idle_position_counts_when_nothing_is_open),
		cmocka_unit_test(calls_out_of_order_are_bugs),
		cmocka_unit_test(nothing_is_allocated_later),
		cmocka_unit_test(a_lone_event_takes_the_first_slot),
		cmocka_unit_test(limits_change_while_nothing_is_in_flight),
		cmocka_unit_test(written_events_settle_together),
		cmocka_unit_test(a_resume_point_is_before_what_is_written),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
