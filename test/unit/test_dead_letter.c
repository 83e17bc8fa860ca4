/*
 * test_dead_letter.c
 *	  What a dead letter says, and how its event is found in it again.
 */
#include "unit.h"

#include "dead_letter.h"
#include "exit_codes.h"
#include "raw_headers.h"

static const DeadLetterReason reason = {.topic = "orders",
										.partition = 3,
										.offset = 4200000000,
										.group = "reports",
										.handler = "orders into rows",
										.sqlstate = "22P02",
										.message = "could not run handler: invalid input"};

static void
same(ByteView a, ByteView b)
{
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
}

/* The value of the last header of that name; fails when there is none. */
static ByteView
last(ByteView raw, const char *name)
{
	ByteView found = {NULL, 0};
	bool any = false;
	InboxHeader header;
	Reader reader;

	reader_init(&reader, raw.data, raw.len);
	while (raw_headers_next(&reader, &header))
	{
		if (!view_equals(header.name, view_of(name)))
			continue;
		found = header.value;
		any = true;
	}
	assert_true(reader_done(&reader));
	if (!any)
		fail_msg("no header %s", name);
	return found;
}

static void
says(ByteView raw, const char *name, const char *value)
{
	same(last(raw, name), view_of(value));
}

static void
headers_come_back_as_they_were(void **state)
{
	static const InboxHeader headers[] = {
		{{(const uint8_t *) "a", 1}, {(const uint8_t *) "1", 1}},
		{{(const uint8_t *) "a", 1}, {(const uint8_t *) "\0\xff", 2}},
		{{(const uint8_t *) "null", 4}, {NULL, 0}},
		{{(const uint8_t *) "empty", 5}, {(const uint8_t *) "", 0}},
		{{(const uint8_t *) "", 0}, {(const uint8_t *) "no name", 7}},
	};
	InboxHeader header;
	Buffer raw;
	Reader reader;

	(void) state;
	buffer_init(&raw, 1000);
	raw_headers_put_all(&raw, headers, LENGTH(headers));
	assert_false(raw.failed);
	reader_init(&reader, raw.data, raw.len);
	for (size_t i = 0; i < LENGTH(headers); i++)
	{
		assert_true(raw_headers_next(&reader, &header));
		assert_true(view_equals(header.name, headers[i].name));
		assert_true(view_equals(header.value, headers[i].value));
	}
	assert_false(raw_headers_next(&reader, &header));
	assert_true(reader_done(&reader));
	/* Every cut but those between two of them is noticed. */
	for (size_t len = 1, whole = 0; len < raw.len; len++)
	{
		reader_init(&reader, raw.data, len);
		whole = 0;
		while (raw_headers_next(&reader, &header))
			whole = reader.pos;
		assert_true(reader.failed || whole == len);
	}
	buffer_free(&raw);
}

static void
the_full_form_says_all(void **state)
{
	Buffer out;
	ByteView raw;

	(void) state;
	buffer_init(&out, 4000);
	dead_letter_headers(&reason, (ByteView){NULL, 0}, DEAD_LETTER_FULL, &out);
	raw = buffer_view(&out);
	assert_false(out.failed);
	says(raw, "__connect.errors.topic", "orders");
	says(raw, "__connect.errors.partition", "3");
	says(raw, "__connect.errors.offset", "4200000000");
	says(raw, "outbox-error-sqlstate", "22P02");
	says(raw, "outbox-error-handler", "orders into rows");
	says(raw, "__connect.errors.connector.name", "reports");
	says(raw, "__connect.errors.task.id", "0");
	says(raw, "__connect.errors.stage", "TASK_PUT");
	says(raw, "__connect.errors.class.name", "outbox-consumer");
	says(raw, "__connect.errors.exception.class.name", "sqlstate.22P02");
	says(raw, "__connect.errors.exception.message", "could not run handler: invalid input");
	buffer_free(&out);
}

static void
a_message_cut_within_a_character_is_text(void **state)
{
	DeadLetterReason cut = reason;
	Buffer out;

	(void) state;
	cut.message = "na\xc3";
	buffer_init(&out, 4000);
	dead_letter_headers(&cut, (ByteView){NULL, 0}, DEAD_LETTER_FULL, &out);
	says(buffer_view(&out), "__connect.errors.exception.message", "na\xef\xbf\xbd");
	buffer_free(&out);
}

/* A letter of a letter of an event, in both forms: each time what was there before is its own. */
static void
what_was_there_before_is_kept(void **state)
{
	DeadLetterReason again = {.topic = "outbox.dead-letter.reports",
							  .partition = 0,
							  .offset = 7,
							  .group = "second",
							  .sqlstate = "23505",
							  .message = "duplicate key"};

	(void) state;
	for (int first = 0; first < DEAD_LETTER_FORMS; first++)
		for (int second = 0; second < DEAD_LETTER_FORMS; second++)
		{
			Buffer event;
			Buffer letter;
			Buffer letters;
			ByteView own;

			buffer_init(&event, 100);
			buffer_init(&letter, 4000);
			buffer_init(&letters, 4000);
			raw_headers_put(&event, view_of("id"), view_of("x"));
			raw_headers_put(&event, view_of("__connect.errors.offset"), view_of("9"));
			dead_letter_headers(&reason, buffer_view(&event), (DeadLetterForm) first, &letter);
			dead_letter_headers(&again, buffer_view(&letter), (DeadLetterForm) second, &letters);
			assert_true(dead_letter_open(buffer_view(&letters), again.topic, 0, 7, &own));
			same(own, buffer_view(&letter));
			assert_true(dead_letter_open(own, reason.topic, 3, reason.offset, &own));
			same(own, buffer_view(&event));
			/* It is no letter itself. */
			assert_false(dead_letter_open(own, reason.topic, 3, 9, &own));
			buffer_free(&event);
			buffer_free(&letter);
			buffer_free(&letters);
		}
}

static void
a_letter_of_another_event_is_refused(void **state)
{
	ByteView own;
	Buffer out;

	(void) state;
	buffer_init(&out, 4000);
	dead_letter_headers(&reason, (ByteView){NULL, 0}, DEAD_LETTER_SHORT, &out);
	assert_true(dead_letter_open(buffer_view(&out), "orders", 3, 4200000000, &own));
	assert_int_equal(own.len, 0);
	assert_false(dead_letter_open(buffer_view(&out), "order", 3, 4200000000, &own));
	assert_false(dead_letter_open(buffer_view(&out), "orders", 2, 4200000000, &own));
	assert_false(dead_letter_open(buffer_view(&out), "orders", 3, 4200000001, &own));
	assert_false(dead_letter_open((ByteView){NULL, 0}, "orders", 3, 4200000000, &own));
	assert_false(dead_letter_open((ByteView){(const uint8_t *) out.data, out.len - 1}, "orders", 3,
								  4200000000, &own));
	buffer_free(&out);
}

static void
the_short_form_is_short(void **state)
{
	Buffer full;
	Buffer brief;

	(void) state;
	buffer_init(&full, 4000);
	buffer_init(&brief, 4000);
	dead_letter_headers(&reason, view_of(""), DEAD_LETTER_FULL, &full);
	dead_letter_headers(&reason, view_of(""), DEAD_LETTER_SHORT, &brief);
	assert_true(brief.len < 150 && full.len > 2 * brief.len);
	says(buffer_view(&brief), "outbox-error-sqlstate", "22P02");
	buffer_free(&full);
	buffer_free(&brief);
}

static void
topics_are_named_after_the_group(void **state)
{
	static const struct
	{
		const char *pattern;
		const char *group;
		const char *topic; /* NULL: refused */
	} rows[] = {
		{"outbox.dead-letter.{group}", "reports", "outbox.dead-letter.reports"},
		{"{group}-{group}", "a", "a-a"},
		{"dead", "my group", "dead"},
		{"", "my group", ""},
		{"outbox.dead-letter.{group}", "my group", NULL},
		{"{group}", "..", NULL},
		{"{topic}", "a", NULL},
		{"dead-{group}",
		 "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
		 "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
		 "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
		 "12345",
		 NULL},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		char topic[DEAD_LETTER_TOPIC_MAX + 1];
		bool ok;
		Error error;

		error_clear(&error);
		ok = dead_letter_topic(rows[i].pattern, rows[i].group, topic, &error);
		assert_int_equal(ok, rows[i].topic != NULL);
		if (ok)
			assert_string_equal(topic, rows[i].topic);
		else
			assert_int_equal(error.exit_code, EXIT_CONFIG);
	}
}

/* What has no room is refused as a whole. */
static void
there_may_be_no_room(void **state)
{
	static char message[9000];
	DeadLetterReason long_one = reason;
	Buffer out;

	(void) state;
	memset(message, 'x', sizeof(message) - 1);
	long_one.message = message;
	buffer_init(&out, 1 << 20);
	dead_letter_headers(&long_one, (ByteView){NULL, 0}, DEAD_LETTER_FULL, &out);
	assert_true(out.failed);
	buffer_reset(&out);
	dead_letter_headers(&long_one, (ByteView){NULL, 0}, DEAD_LETTER_SHORT, &out);
	assert_false(out.failed);
	buffer_free(&out);
	buffer_init(&out, 40);
	dead_letter_headers(&reason, (ByteView){NULL, 0}, DEAD_LETTER_FULL, &out);
	assert_true(out.failed);
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_may_be_no_room),
		cmocka_unit_test(headers_come_back_as_they_were),
		cmocka_unit_test(the_full_form_says_all),
		cmocka_unit_test(a_message_cut_within_a_character_is_text),
		cmocka_unit_test(what_was_there_before_is_kept),
		cmocka_unit_test(a_letter_of_another_event_is_refused),
		cmocka_unit_test(the_short_form_is_short),
		cmocka_unit_test(topics_are_named_after_the_group),
	};

	return cmocka_run_group_tests_name("dead letters", tests, NULL, NULL);
}
