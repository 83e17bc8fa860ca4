/*
 * test_reject_reason.c
 *	  What an answer that rejects says, and how it is told.
 */
#include "unit.h"

#include "reject_reason.h"

static RejectReason
reason_of(int status, const char *text)
{
	char answer[512];
	int len = snprintf(answer, sizeof(answer),
					   "HTTP/1.1 %d Whatever\r\nContent-Length: 4711\r\n\r\n{\"error\":\"%s\"}\n",
					   status, text);

	return reject_reason_of(status, answer, (size_t) len);
}

static void
what_the_application_answers(void **state)
{
	(void) state;
	for (int i = 0; i < REJECT_REASONS; i++)
	{
		const char *text = reject_reason_answer((RejectReason) i);

		if (text != NULL)
			assert_int_equal(reason_of(503, text), i);
	}
	assert_non_null(reject_reason_answer(REJECT_AWAY));
	assert_non_null(reject_reason_answer(REJECT_BUSY));
	assert_non_null(reject_reason_answer(REJECT_STOPPING));
	assert_int_equal(reason_of(503, "not all connections are up"), REJECT_OTHER);
	/* What is at fault is the request, whatever it says. */
	assert_int_equal(reason_of(400, reject_reason_answer(REJECT_AWAY)), REJECT_INVALID);
	assert_int_equal(reason_of(413, "too large"), REJECT_INVALID);
}

static void
no_answer_at_all(void **state)
{
	(void) state;
	assert_int_equal(reject_reason_of(0, NULL, 0), REJECT_NOT_SENT);
	assert_int_equal(reject_reason_of(503, "", 0), REJECT_OTHER);
}

static void
words_by_name(void **state)
{
	(void) state;
	for (int i = 0; i < REJECT_REASONS; i++)
	{
		const char *name = reject_reason_name((RejectReason) i);

		assert_ptr_equal(reject_reason_words_of(name), reject_reason_words((RejectReason) i));
		assert_true(strlen(reject_reason_words((RejectReason) i)) > 0);
	}
	assert_null(reject_reason_words_of("of another version"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_application_answers),
		cmocka_unit_test(no_answer_at_all),
		cmocka_unit_test(words_by_name),
	};

	return cmocka_run_group_tests_name("reject_reason", tests, NULL, NULL);
}
