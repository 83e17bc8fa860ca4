/*
 * test_log.c
 *	  What reaches stderr: lines, levels, escapes, one write a line, threads.
 *
 * stderr is replaced by one end of a datagram socket pair: each write(2) is one
 * datagram, so a line in two pieces is seen.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <jansson.h>

#include "exit_codes.h"
#include "log.h"

static int capture[2];
static int real_stderr;
static char line[65536];

static void
start_capture(void)
{
	int size = 1 << 20;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, capture), 0);
	assert_int_equal(setsockopt(capture[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	real_stderr = dup(STDERR_FILENO);
	assert_int_equal(dup2(capture[1], STDERR_FILENO), STDERR_FILENO);
}

static void
end_capture(void)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(capture[0]);
	close(capture[1]);
}

static int
setup(void **state)
{
	(void) state;
	start_capture();
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	end_capture();
	return 0;
}

/* The next write, checked to be one line; NULL when there is none. */
static const char *
next_line(void)
{
	ssize_t len = recv(capture[0], line, sizeof(line) - 1, MSG_DONTWAIT);

	if (len < 0)
		return NULL;
	assert_true(len > 0);
	line[len] = '\0';
	assert_ptr_equal(strchr(line, '\n'), line + len - 1);
	line[len - 1] = '\0';
	return line;
}

/* The next line as JSON; the time is checked and taken out. */
static json_t *
next_json(void)
{
	const char *text = next_line();
	json_error_t error;
	json_t *object;
	const char *ts;

	assert_non_null(text);
	object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (object == NULL)
		fail_msg("%s in %s", error.text, text);
	ts = json_string_value(json_object_get(object, "ts"));
	assert_non_null(ts);
	assert_int_equal(strlen(ts), strlen("2026-01-31T12:34:56.789Z"));
	return object;
}

static const char *
field(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void
writes_json(void **state)
{
	json_t *object;

	(void) state;
	log_init("relay", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_INFO, "streaming", "lsn", "0/16B37", "slot", "a \"b\"\n", NULL);
	object = next_json();
	assert_string_equal(field(object, "level"), "info");
	assert_string_equal(field(object, "component"), "relay");
	assert_string_equal(field(object, "msg"), "streaming");
	assert_string_equal(field(object, "lsn"), "0/16B37");
	assert_string_equal(field(object, "slot"), "a \"b\"\n");
	assert_int_equal(json_object_size(object), 6);
	json_decref(object);
	assert_null(next_line());
}

static void
writes_text(void **state)
{
	(void) state;
	log_init("relay", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	log_event(LOG_LEVEL_INFO, "streaming", "lsn", "0/16B37", "slot", "two words", NULL);
	assert_non_null(next_line());
	assert_string_equal(line + 24, " info  relay: streaming lsn=0/16B37 slot=\"two words\"");
	log_event(LOG_LEVEL_WARNING, "a\nforged: \033[31mline", "empty", "", "quote", "a\"b", "eq",
			  "a=b", NULL);
	assert_non_null(next_line());
	assert_string_equal(line + 24, " warning relay: a forged:  [31mline empty=\"\" "
								   "quote=\"a\\\"b\" eq=\"a=b\"");
}

static void
automatic_is_json_when_no_terminal(void **state)
{
	json_t *object;

	(void) state;
	log_init("x", LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_event(LOG_LEVEL_ERROR, "m", NULL);
	object = next_json();
	assert_string_equal(field(object, "level"), "error");
	json_decref(object);
}

static void
keeps_the_threshold(void **state)
{
	Error error;

	(void) state;
	error_transient(&error, "e");
	log_init("x", LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
	log_event(LOG_LEVEL_DEBUG, "no", NULL);
	log_event(LOG_LEVEL_INFO, "no", NULL);
	log_error(LOG_LEVEL_INFO, &error, NULL);
	assert_null(next_line());
	log_event(LOG_LEVEL_WARNING, "yes", NULL);
	log_event(LOG_LEVEL_ERROR, "yes", NULL);
	assert_non_null(next_line());
	assert_non_null(next_line());
	assert_null(next_line());
}

static void
fields_without_a_value_are_left_out(void **state)
{
	json_t *object;

	(void) state;
	log_init("x", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_INFO, "m", "a", (const char *) NULL, "b", "1", NULL);
	object = next_json();
	assert_null(json_object_get(object, "a"));
	assert_string_equal(field(object, "b"), "1");
	json_decref(object);
}

static void
writes_errors(void **state)
{
	Error error;
	json_t *object;

	(void) state;
	log_init("x", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	error_permanent(&error, EXIT_GAP, "gap");
	error_detail(&error, "Detail.");
	error_hint(&error, "Hint.");
	memcpy(error.sqlstate, "57P01", 6);
	errno = EDOM;
	log_error(LOG_LEVEL_ERROR, &error, "slot", "s", NULL);
	assert_int_equal(errno, EDOM);
	object = next_json();
	assert_string_equal(field(object, "msg"), "gap");
	assert_string_equal(field(object, "class"), "permanent");
	assert_string_equal(field(object, "sqlstate"), "57P01");
	assert_string_equal(field(object, "detail"), "Detail.");
	assert_string_equal(field(object, "hint"), "Hint.");
	assert_string_equal(field(object, "slot"), "s");
	json_decref(object);

	error_transient(&error, "short");
	log_error(LOG_LEVEL_ERROR, &error, NULL);
	object = next_json();
	assert_int_equal(json_object_size(object), 5);
	json_decref(object);
}

static void
counts_are_numbers(void **state)
{
	static const char *const numbers[] = {"0", "-1", "7", "9223372036854775807", "0.5", "3.6e+03"};
	static const char *const others[] = {"", "-", "07", "1.", ".5", "1e", "0x1", "1 ", "NaN"};
	json_t *object;

	(void) state;
	log_init("relay", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (size_t i = 0; i < LENGTH(numbers); i++)
	{
		log_event(LOG_LEVEL_INFO, "m", "ordinal", numbers[i], "topic", numbers[i], NULL);
		object = next_json();
		assert_true(json_is_number(json_object_get(object, "ordinal")));
		assert_string_equal(field(object, "topic"), numbers[i]);
		json_decref(object);
	}
	for (size_t i = 0; i < LENGTH(others); i++)
	{
		log_event(LOG_LEVEL_INFO, "m", "ordinal", others[i], NULL);
		object = next_json();
		assert_string_equal(field(object, "ordinal"), others[i]);
		json_decref(object);
	}
}

static void
long_and_broken_text_stays_one_json_line(void **state)
{
	static char long_text[100000];
	json_t *object;

	(void) state;
	memset(long_text, '\x01', sizeof(long_text) - 1);
	log_init("x", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_INFO, long_text, "first", "1", "long", long_text, "last", "\xFF", NULL);
	object = next_json();
	assert_string_equal(field(object, "first"), "1");
	assert_null(field(object, "long"));
	assert_string_equal(field(object, "last"), "\xEF\xBF\xBD");
	assert_string_equal(field(object, "truncated"), "true");
	json_decref(object);

	log_init("x", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	memset(long_text, 'a', sizeof(long_text) - 1);
	log_event(LOG_LEVEL_INFO, long_text, "long", long_text, "last", "z", NULL);
	assert_non_null(next_line());
	assert_non_null(strstr(line, "a last=z truncated=true"));
}

#define THREADS 4
#define LINES 50

static void *
log_much(void *arg)
{
	for (int i = 0; i < LINES; i++)
	{
		char number[16];

		snprintf(number, sizeof(number), "%d", i);
		log_event(LOG_LEVEL_INFO, "m", "thread", (const char *) arg, "i", number, NULL);
	}
	return NULL;
}

static void
threads_do_not_mix_their_lines(void **state)
{
	static char names[THREADS][2] = {"0", "1", "2", "3"};
	int next[THREADS] = {0};
	pthread_t threads[THREADS];

	(void) state;
	log_init("x", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_much, names[i]), 0);
	for (int i = 0; i < THREADS * LINES; i++)
	{
		struct timeval patience = {20, 0};
		json_t *object;
		int thread;

		/* The socket holds few datagrams: take them while they come. */
		setsockopt(capture[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		assert_true(recv(capture[0], line, 1, MSG_PEEK) == 1);
		object = next_json();
		thread = (int) strtol(field(object, "thread"), NULL, 10);
		assert_in_range(thread, 0, THREADS - 1);
		assert_int_equal((int) strtol(field(object, "i"), NULL, 10), next[thread]);
		next[thread]++;
		json_decref(object);
	}
	for (int i = 0; i < THREADS; i++)
	{
		pthread_join(threads[i], NULL);
		assert_int_equal(next[i], LINES);
	}
}

static void
parses_names(void **state)
{
	LogLevel level;
	LogFormat format;

	(void) state;
	assert_true(log_level_parse("debug", &level) && level == LOG_LEVEL_DEBUG);
	assert_true(log_level_parse("info", &level) && level == LOG_LEVEL_INFO);
	assert_true(log_level_parse("warning", &level) && level == LOG_LEVEL_WARNING);
	assert_true(log_level_parse("error", &level) && level == LOG_LEVEL_ERROR);
	assert_false(log_level_parse("", &level));
	assert_false(log_level_parse("INFO", &level));
	assert_false(log_level_parse("informative", &level));
	assert_true(log_format_parse("auto", &format) && format == LOG_FORMAT_AUTO);
	assert_true(log_format_parse("text", &format) && format == LOG_FORMAT_TEXT);
	assert_true(log_format_parse("json", &format) && format == LOG_FORMAT_JSON);
	assert_false(log_format_parse("", &format));
	assert_false(log_format_parse("xml", &format));
}

static void
limits_repetition(void **state)
{
	LogLimit limit = {0};
	unsigned long suppressed = 99;

	(void) state;
	assert_true(log_limit_pass(&limit, 100, 10, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_false(log_limit_pass(&limit, 100, 10, &suppressed));
	assert_false(log_limit_pass(&limit, 109, 10, &suppressed));
	assert_true(log_limit_pass(&limit, 110, 10, &suppressed));
	assert_int_equal(suppressed, 2);
	assert_true(log_limit_pass(&limit, 1000, MONO_NEVER, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_false(log_limit_pass(&limit, MONO_NEVER - 1, 10, &suppressed));
}

static void
limits_repetition_by_kind(void **state)
{
	LogRepeat repeat = {0};
	unsigned long suppressed = 99;
	char text[24];
	char room[LOG_COUNT_SIZE];

	(void) state;
	assert_true(log_repeat_pass(&repeat, "no answer in 5 ms", 100, 1000, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_null(log_count(suppressed, room));
	assert_true(log_repeat_pass(&repeat, "refused", 100, 1000, &suppressed));
	assert_false(log_repeat_pass(&repeat, "no answer in 17 ms", 200, 1000, &suppressed));
	assert_false(log_repeat_pass(&repeat, "refused", 300, 1000, &suppressed));
	assert_false(log_repeat_pass(&repeat, "no answer in 17 ms", 400, 1000, &suppressed));
	assert_true(log_repeat_pass(&repeat, "no answer in 6 ms", 1100, 1000, &suppressed));
	assert_int_equal(suppressed, 2);
	assert_string_equal(log_count(suppressed, room), "2");

	/* More kinds than there is room for: they pass, and the one that came first is new again. */
	for (int i = 0; i < LOG_KINDS; i++)
	{
		snprintf(text, sizeof(text), "kind %c", 'a' + i);
		assert_true(log_repeat_pass(&repeat, text, 1100, 1000, &suppressed));
	}
	assert_true(log_repeat_pass(&repeat, "refused", 1100, 1000, &suppressed));
	assert_false(log_repeat_pass(&repeat, "kind h", 1100, 1000, &suppressed));
}

/* What the journal needs: the level before each line, and only where the journal listens. */
static void
tells_the_journal_the_level(void **state)
{
	struct stat here;
	char stream[64];

	(void) state;
	assert_int_equal(fstat(STDERR_FILENO, &here), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long) here.st_dev,
			 (unsigned long long) here.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("relay", LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_ERROR, "bad", NULL);
	assert_memory_equal(next_line(), "<3>{\"ts\"", 8);
	log_event(LOG_LEVEL_WARNING, "odd", NULL);
	assert_memory_equal(next_line(), "<4>{", 4);
	log_event(LOG_LEVEL_INFO, "good", NULL);
	assert_memory_equal(next_line(), "<6>{", 4);
	log_event(LOG_LEVEL_DEBUG, "fine", NULL);
	assert_memory_equal(next_line(), "<7>{", 4);

	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long) here.st_dev,
			 (unsigned long long) here.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("relay", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_event(LOG_LEVEL_INFO, "elsewhere", NULL);
	assert_int_equal(next_line()[0], '{');
	unsetenv("JOURNAL_STREAM");
	log_init("relay", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_json, setup, teardown),
		cmocka_unit_test_setup_teardown(writes_text, setup, teardown),
		cmocka_unit_test_setup_teardown(automatic_is_json_when_no_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_the_threshold, setup, teardown),
		cmocka_unit_test_setup_teardown(fields_without_a_value_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(writes_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_are_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(long_and_broken_text_stays_one_json_line, setup, teardown),
		cmocka_unit_test_setup_teardown(threads_do_not_mix_their_lines, setup, teardown),
		cmocka_unit_test(parses_names),
		cmocka_unit_test(limits_repetition),
		cmocka_unit_test(limits_repetition_by_kind),
		cmocka_unit_test_setup_teardown(tells_the_journal_the_level, setup, teardown),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
