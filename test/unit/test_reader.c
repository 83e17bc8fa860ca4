/*
 * test_reader.c
 *	  The bounded cursor, views and UTF-8.
 */
#include "unit.h"

#include "reader.h"

static void
reads_in_network_order(void **state)
{
	static const uint8_t data[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0xFF, 0xFE, 0xFD,
								   0xFC, 0xFB, 0xFA, 0xF9, 0xF8, 'h',  'i',	 0,	   'x',	 'y'};
	Reader reader;
	ByteView view;

	(void) state;
	reader_init(&reader, data, sizeof(data));
	assert_int_equal(reader_u8(&reader), 0x01);
	assert_int_equal(reader_u16(&reader), 0x0203);
	assert_int_equal(reader_u32(&reader), 0x04050607);
	assert_true(reader_u64(&reader) == UINT64_C(0xFFFEFDFCFBFAF9F8));
	assert_string_equal(reader_cstring(&reader), "hi");
	assert_false(reader_done(&reader));
	assert_int_equal(reader_remaining(&reader), 2);
	view = reader_bytes(&reader, 2);
	assert_int_equal(view.len, 2);
	assert_memory_equal(view.data, "xy", 2);
	assert_true(reader_done(&reader));
}

/* Each integer at the end of input that is one byte too short. */
static void
refuses_what_is_not_there(void **state)
{
	static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7};

	(void) state;
	for (size_t size = 0; size <= sizeof(data); size++)
	{
		Reader reader;

		reader_init(&reader, data, size);
		assert_true(reader_u64(&reader) == 0);
		assert_true(reader.failed);
		assert_int_equal(reader_remaining(&reader), 0);
		assert_false(reader_done(&reader));

		if (size < 4)
		{
			reader_init(&reader, data, size);
			assert_int_equal(reader_u32(&reader), 0);
			assert_true(reader.failed);
		}
		if (size < 2)
		{
			reader_init(&reader, data, size);
			assert_int_equal(reader_u16(&reader), 0);
			assert_true(reader.failed);
		}
	}
}

static void
a_failure_sticks(void **state)
{
	static const uint8_t data[] = {1, 2, 3, 4, 'a', 0};
	Reader reader;

	(void) state;
	reader_init(&reader, data, sizeof(data));
	assert_int_equal(reader_u64(&reader), 0);
	assert_int_equal(reader_u8(&reader), 0);
	assert_int_equal(reader_u16(&reader), 0);
	assert_int_equal(reader_u32(&reader), 0);
	assert_string_equal(reader_cstring(&reader), "");
	assert_null(reader_bytes(&reader, 0).data);
	assert_null(reader_bytes(&reader, 1).data);
	assert_false(reader_done(&reader));
}

static void
huge_lengths_do_not_wrap(void **state)
{
	static const uint8_t data[] = {1, 2, 3, 4};
	static const size_t lengths[] = {4, 5, UINT32_MAX, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 3};

	(void) state;
	for (size_t i = 0; i < LENGTH(lengths); i++)
	{
		Reader reader;
		ByteView view;

		reader_init(&reader, data, sizeof(data));
		reader_u8(&reader);
		view = reader_bytes(&reader, lengths[i]);
		assert_null(view.data);
		assert_int_equal(view.len, 0);
		assert_true(reader.failed);
	}
}

static void
strings_need_their_terminator(void **state)
{
	Reader reader;

	(void) state;
	reader_init(&reader, "abc", 3);
	assert_string_equal(reader_cstring(&reader), "");
	assert_true(reader.failed);

	reader_init(&reader, "\0b", 2);
	assert_string_equal(reader_cstring(&reader), "");
	assert_false(reader.failed);
	assert_int_equal(reader_remaining(&reader), 1);

	reader_init(&reader, "", 0);
	assert_string_equal(reader_cstring(&reader), "");
	assert_true(reader.failed);
}

static void
nothing_is_not_null(void **state)
{
	Reader reader;
	ByteView view;

	(void) state;
	reader_init(&reader, NULL, 0);
	assert_true(reader_done(&reader));
	view = reader_bytes(&reader, 0);
	assert_non_null(view.data);
	assert_int_equal(view.len, 0);
	assert_true(reader_done(&reader));
	assert_int_equal(reader_u8(&reader), 0);
	assert_true(reader.failed);
}

static void
views_compare(void **state)
{
	ByteView null = {NULL, 0};

	(void) state;
	assert_true(view_equals(view_of("abc"), view_of("abc")));
	assert_false(view_equals(view_of("abc"), view_of("abd")));
	assert_false(view_equals(view_of("abc"), view_of("ab")));
	assert_true(view_equals(view_of(""), view_of("")));
	assert_true(view_equals(null, view_of(NULL)));
	assert_false(view_equals(null, view_of("")));
	assert_false(view_equals(view_of(""), null));
}

typedef struct Utf8Case
{
	const char *text;
	size_t len;
	size_t sequence;
} Utf8Case;

static void
knows_utf8(void **state)
{
	static const Utf8Case cases[] = {
		{"", 0, 0},
		{"a", 1, 1},
		{"\0", 1, 1},
		{"\x7F", 1, 1},
		{"\x80", 1, 0},
		{"\xBF", 1, 0},
		{"\xC0\x80", 2, 0}, /* overlong */
		{"\xC1\xBF", 2, 0},
		{"\xC2\x80", 2, 2},
		{"\xDF\xBF", 2, 2},
		{"\xC3", 1, 0}, /* cut */
		{"\xC3(", 2, 0},
		{"\xE0\x9F\xBF", 3, 0}, /* overlong */
		{"\xE0\xA0\x80", 3, 3},
		{"\xE2\x82\xAC", 3, 3},
		{"\xE2\x82", 2, 0},
		{"\xE2\x82(", 3, 0},
		{"\xE2\x82\xC0", 3, 0},
		{"\xED\x9F\xBF", 3, 3},
		{"\xED\xA0\x80", 3, 0}, /* surrogates */
		{"\xED\xBF\xBF", 3, 0},
		{"\xEE\x80\x80", 3, 3},
		{"\xF0\x8F\xBF\xBF", 4, 0}, /* overlong */
		{"\xF0\x90\x80\x80", 4, 4},
		{"\xF0\x9F\x98\x80", 4, 4},
		{"\xF0\x9F\x98", 3, 0},
		{"\xF4\x8F\xBF\xBF", 4, 4},
		{"\xF4\x90\x80\x80", 4, 0}, /* beyond U+10FFFF */
		{"\xF5\x80\x80\x80", 4, 0},
		{"\xFF", 1, 0},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		ByteView view = {(const uint8_t *) cases[i].text, cases[i].len};

		assert_int_equal(utf8_sequence(view.data, view.len), cases[i].sequence);
		assert_int_equal(view_is_utf8(view), view.len == cases[i].sequence);
	}
	assert_true(view_is_utf8(view_of("gr\xC3\xBC\xC3\x9F Gott \xE2\x82\xAC")));
	assert_false(view_is_utf8(view_of("ok until \xC3")));
	assert_true(view_is_utf8(view_of(NULL)));
}

static void
copies_are_terminated(void **state)
{
	ByteView view = {(const uint8_t *) "a\0bc", 3};
	bool ok = true;
	char *text;

	(void) state;
	text = view_copy(view, &ok);
	assert_non_null(text);
	assert_memory_equal(text, "a\0b\0", 4);
	free(text);
	text = view_copy(view_of(""), &ok);
	assert_string_equal(text, "");
	free(text);
	assert_null(view_copy(view_of(NULL), &ok));
	assert_true(ok);
	/* One that stays false: several copies are checked once. */
	view.len = SIZE_MAX / 4; /* more than there is, and no negative number to memcheck */
	assert_null(view_copy(view, &ok));
	assert_false(ok);
	assert_null(view_copy(view_of(NULL), &ok));
	assert_false(ok);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_in_network_order),
		cmocka_unit_test(refuses_what_is_not_there),
		cmocka_unit_test(a_failure_sticks),
		cmocka_unit_test(huge_lengths_do_not_wrap),
		cmocka_unit_test(strings_need_their_terminator),
		cmocka_unit_test(nothing_is_not_null),
		cmocka_unit_test(views_compare),
		cmocka_unit_test(knows_utf8),
		cmocka_unit_test(copies_are_terminated),
	};

	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
