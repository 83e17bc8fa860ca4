/*
 * test_scrape.c
 *	  Reading answers: HTTP as it arrives piece by piece, and metrics.
 */
#include "unit.h"

#include "http_client.h"
#include "scrape.h"

static const char answer[] = "HTTP/1.1 201 Created\r\nDate: today\r\ncontent-length: 5\r\n"
							 "Content-Type: application/json\r\n\r\nhello";

static void
answers_in_pieces(void **state)
{
	int status = 0;

	(void) state;
	for (size_t len = 0; len < sizeof(answer) - 1; len++)
		assert_int_equal(http_answer_look(answer, len, &status), ANSWER_PARTIAL);
	assert_int_equal(http_answer_look(answer, sizeof(answer) - 1, &status), ANSWER_COMPLETE);
	assert_int_equal(status, 201);
	/* The terminator here stands for a byte that nobody asked for. */
	assert_int_equal(http_answer_look(answer, sizeof(answer), &status), ANSWER_INVALID);
}

static void
answers_that_are_none(void **state)
{
	static const char *const wrong[] = {
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5 6\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
		"SSH-2.0-OpenSSH\r\n\r\n",
		"\r\n\r\n",
	};
	int status;

	(void) state;
	for (size_t i = 0; i < LENGTH(wrong); i++)
		assert_int_equal(http_answer_look(wrong[i], strlen(wrong[i]), &status), ANSWER_INVALID);
}

static void
metrics_by_name(void **state)
{
	static const char text[] = "# HELP lag Records\n"
							   "# TYPE lag gauge\n"
							   "lag{topic=\"a\",partition=\"0\"} 3\n"
							   "lag{topic=\"a\",partition=\"1\"} 4.5\n"
							   "lag_seconds 99\n"
							   "state 2\n"
							   "last 1e3";
	double value;

	(void) state;
	assert_true(scrape_metric(text, "lag", &value));
	assert_true(value == 7.5);
	assert_true(scrape_metric(text, "lag_seconds", &value));
	assert_true(value == 99);
	assert_true(scrape_metric(text, "state", &value));
	assert_true(value == 2);
	assert_true(scrape_metric(text, "last", &value));
	assert_true(value == 1000);
	assert_false(scrape_metric(text, "stat", &value));
	assert_false(scrape_metric(text, "HELP", &value));
	assert_false(scrape_metric("", "lag", &value));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_in_pieces),
		cmocka_unit_test(answers_that_are_none),
		cmocka_unit_test(metrics_by_name),
	};

	return cmocka_run_group_tests_name("scrape", tests, NULL, NULL);
}
