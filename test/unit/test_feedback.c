/*
 * test_feedback.c
 *	  When the server is told, and asked.
 */
#include "unit.h"

#include "feedback.h"

#define INTERVAL (10 * USEC_PER_SEC)
#define ASK_INTERVAL (2 * USEC_PER_SEC)
#define START (INT64_C(5000) * USEC_PER_SEC)

static Feedback
fresh(void)
{
	FeedbackConfig config = {INTERVAL, ASK_INTERVAL};
	Feedback feedback;

	feedback_init(&feedback, &config, START);
	return feedback;
}

static void
expect(const Feedback *feedback, PgLsn mark, MonoUsec now, bool send, bool ask)
{
	StatusUpdate update = feedback_due(feedback, mark, now);

	assert_int_equal(update.send, send);
	assert_int_equal(update.ask, ask);
}

static void
says_nothing_without_news(void **state)
{
	Feedback feedback = fresh();

	(void) state;
	expect(&feedback, LSN_INVALID, START, false, false);
	expect(&feedback, LSN_INVALID, START + ASK_INTERVAL - 1, false, false);
}

static void
reports_a_moved_mark_at_once(void **state)
{
	Feedback feedback = fresh();

	(void) state;
	expect(&feedback, 100, START, true, false);
	feedback_sent(&feedback, 100, false, START);
	expect(&feedback, 100, START + 1, false, false);
	expect(&feedback, 101, START + 1, true, false);
	feedback_sent(&feedback, 101, false, START + 1);
	/* A mark never falls; if it seems to, that is no news. */
	expect(&feedback, 100, START + 2, false, false);
}

static void
answers_the_server_at_once(void **state)
{
	Feedback feedback = fresh();

	(void) state;
	feedback_frame(&feedback, false, START + 1);
	expect(&feedback, 0, START + 1, false, false);
	feedback_frame(&feedback, true, START + 2);
	expect(&feedback, 0, START + 2, true, false);
	assert_true(feedback_wake_at(&feedback) <= START + 2);
	/* A later frame doesn't take the request back. */
	feedback_frame(&feedback, false, START + 3);
	expect(&feedback, 0, START + 3, true, false);
	feedback_sent(&feedback, 0, false, START + 3);
	expect(&feedback, 0, START + 3, false, false);
}

static void
reports_every_interval(void **state)
{
	Feedback feedback = fresh();
	MonoUsec now = START;

	(void) state;
	for (int round = 0; round < 3; round++)
	{
		MonoUsec sent_at = now;

		while (now < sent_at + INTERVAL - USEC_PER_SEC)
		{
			now += USEC_PER_SEC;
			feedback_frame(&feedback, false, now);
			expect(&feedback, 0, now, false, false);
		}
		assert_true(feedback_wake_at(&feedback) == sent_at + INTERVAL);
		now = sent_at + INTERVAL;
		expect(&feedback, 0, now, true, false);
		feedback_sent(&feedback, 0, false, now);
	}
}

static void
asks_after_silence_and_only_once(void **state)
{
	Feedback feedback = fresh();
	MonoUsec now = START + ASK_INTERVAL;

	(void) state;
	assert_true(feedback_wake_at(&feedback) == now);
	expect(&feedback, 0, now, true, true);
	feedback_sent(&feedback, 0, true, now);
	/* Nobody answers, or nobody reads the answer: reports go on, requests don't. */
	assert_true(feedback_wake_at(&feedback) == now + INTERVAL);
	expect(&feedback, 0, now + ASK_INTERVAL, false, false);
	expect(&feedback, 0, now + INTERVAL, true, false);
	feedback_sent(&feedback, 0, false, now + INTERVAL);
	/* The answer comes: silence counts from there. */
	now += INTERVAL + 1;
	feedback_frame(&feedback, false, now);
	expect(&feedback, 0, now + ASK_INTERVAL - 1, false, false);
	expect(&feedback, 0, now + ASK_INTERVAL, true, true);
	assert_true(feedback_wake_at(&feedback) == now + ASK_INTERVAL);
}

static void
frames_put_the_question_off(void **state)
{
	Feedback feedback = fresh();

	(void) state;
	for (int second = 1; second < 9; second++)
	{
		MonoUsec now = START + second * USEC_PER_SEC;

		feedback_frame(&feedback, false, now);
		expect(&feedback, 0, now, false, false);
	}
	expect(&feedback, 0, START + 8 * USEC_PER_SEC + ASK_INTERVAL, true, true);
}

static void
times_do_not_overflow(void **state)
{
	FeedbackConfig config = {INT64_MAX, INT64_MAX};
	Feedback feedback;

	(void) state;
	feedback_init(&feedback, &config, START);
	assert_true(feedback_wake_at(&feedback) == MONO_NEVER);
	expect(&feedback, 0, START + INT64_C(1000000) * USEC_PER_SEC, false, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_nothing_without_news),
		cmocka_unit_test(reports_a_moved_mark_at_once),
		cmocka_unit_test(answers_the_server_at_once),
		cmocka_unit_test(reports_every_interval),
		cmocka_unit_test(asks_after_silence_and_only_once),
		cmocka_unit_test(frames_put_the_question_off),
		cmocka_unit_test(times_do_not_overflow),
	};

	return cmocka_run_group_tests_name("feedback", tests, NULL, NULL);
}
