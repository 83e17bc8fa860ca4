/*
 * test_buffer.c
 *	  The growing buffer: limits, failure, text, integers and JSON strings.
 */
#include "unit.h"

#include "buffer.h"

/* One test asks for more memory than there is: the sanitizer shall say no, not abort. */
extern const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void
a_new_buffer_is_an_empty_string(void **state)
{
	Buffer buffer;

	(void) state;
	buffer_init(&buffer, 10);
	assert_string_equal(buffer.data, "");
	assert_int_equal(buffer_view(&buffer).len, 0);
	assert_non_null(buffer_view(&buffer).data);
	buffer_reset(&buffer);
	buffer_free(&buffer);
	buffer_free(&buffer);
	assert_string_equal(buffer.data, "");
}

static void
appends_and_terminates(void **state)
{
	Buffer buffer;

	(void) state;
	buffer_init(&buffer, 100000);
	buffer_append_str(&buffer, "ab");
	buffer_append(&buffer, "c\0d", 3);
	buffer_append(&buffer, NULL, 0);
	buffer_printf(&buffer, "%d-%s", 7, "x");
	assert_int_equal(buffer.len, 8);
	assert_memory_equal(buffer.data, "abc\0d7-x", 9);
	for (int i = 0; i < 20000; i++)
		buffer_printf(&buffer, "%d", i % 10);
	assert_false(buffer.failed);
	assert_int_equal(buffer.len, 20008);
	assert_int_equal(buffer.data[20007], '9');
	assert_int_equal(buffer.data[20008], '\0');
	buffer_free(&buffer);
}

static void
integers_in_network_order(void **state)
{
	Buffer buffer;

	(void) state;
	buffer_init(&buffer, 15);
	buffer_append_u8(&buffer, 0x01);
	buffer_append_u16(&buffer, 0x0203);
	buffer_append_u32(&buffer, 0x04050607);
	buffer_append_u64(&buffer, UINT64_C(0xFFFEFDFCFBFAF9F8));
	assert_false(buffer.failed);
	assert_memory_equal(buffer.data, "\x01\x02\x03\x04\x05\x06\x07\xFF\xFE\xFD\xFC\xFB\xFA\xF9\xF8",
						15);
	buffer_append_u8(&buffer, 0);
	assert_true(buffer.failed);
	buffer_free(&buffer);
}

static void
the_limit_holds_to_the_byte(void **state)
{
	Buffer buffer;

	(void) state;
	buffer_init(&buffer, 5);
	buffer_append_str(&buffer, "12345");
	assert_false(buffer.failed);
	assert_string_equal(buffer.data, "12345");
	buffer_append(&buffer, "", 0);
	assert_false(buffer.failed);
	buffer_append_str(&buffer, "6");
	assert_true(buffer.failed);
	assert_string_equal(buffer.data, "12345");

	buffer_reset(&buffer);
	assert_false(buffer.failed);
	assert_string_equal(buffer.data, "");
	buffer_printf(&buffer, "%s", "12345");
	assert_false(buffer.failed);
	buffer_reset(&buffer);
	buffer_append_str(&buffer, "1");
	buffer_printf(&buffer, "%s", "23456");
	assert_true(buffer.failed);
	assert_string_equal(buffer.data, "1");
	assert_int_equal(buffer.len, 1);
	buffer_free(&buffer);

	buffer_init(&buffer, 0);
	buffer_append(&buffer, "", 0);
	buffer_printf(&buffer, "%s", "");
	assert_false(buffer.failed);
	buffer_append(&buffer, "x", 1);
	assert_true(buffer.failed);
	assert_string_equal(buffer.data, "");
	buffer_free(&buffer);
}

static void
after_a_failure_nothing_is_added(void **state)
{
	Buffer buffer;

	(void) state;
	buffer_init(&buffer, 4);
	buffer_append_str(&buffer, "ab");
	buffer_append_str(&buffer, "cde");
	buffer_append_str(&buffer, "x");
	buffer_append_u8(&buffer, 1);
	buffer_printf(&buffer, "y");
	assert_true(buffer.failed);
	assert_string_equal(buffer.data, "ab");
	buffer_free(&buffer);
}

static void
huge_appends_do_not_wrap(void **state)
{
	Buffer buffer;

	(void) state;
	buffer_init(&buffer, SIZE_MAX);
	buffer_append_str(&buffer, "abc");
	buffer_append(&buffer, "x", SIZE_MAX);
	assert_true(buffer.failed);
	buffer_reset(&buffer);
	buffer_append(&buffer, "x", SIZE_MAX / 4); /* more than any machine gives */
	assert_true(buffer.failed);
	assert_string_equal(buffer.data, "");
	buffer_free(&buffer);
}

static void
reset_keeps_the_memory(void **state)
{
	Buffer buffer;
	const char *data;

	(void) state;
	buffer_init(&buffer, 100);
	buffer_append_str(&buffer, "abc");
	data = buffer.data;
	buffer_reset(&buffer);
	buffer_append_str(&buffer, "d");
	assert_ptr_equal(buffer.data, data);
	assert_string_equal(buffer.data, "d");
	buffer_free(&buffer);
}

static void
patches_within_what_is_there(void **state)
{
	Buffer buffer;

	(void) state;
	buffer_init(&buffer, 100);
	buffer_append_str(&buffer, "abcdefgh");
	buffer_patch_u32(&buffer, 4, 0x41424344);
	buffer_patch_u32(&buffer, 0, 0x31323334);
	assert_false(buffer.failed);
	assert_string_equal(buffer.data, "1234ABCD");
	buffer_patch_u32(&buffer, 5, 0);
	assert_true(buffer.failed);
	assert_string_equal(buffer.data, "1234ABCD");
	buffer_reset(&buffer);
	buffer_append_str(&buffer, "abc");
	buffer_patch_u32(&buffer, 0, 0);
	assert_true(buffer.failed);
	buffer_reset(&buffer);
	buffer_append_str(&buffer, "abcd");
	buffer_patch_u32(&buffer, SIZE_MAX, 0);
	assert_true(buffer.failed);
	buffer_free(&buffer);
}

typedef struct JsonCase
{
	const char *text;
	size_t len;
	const char *json;
} JsonCase;

static void
makes_json_strings(void **state)
{
	static const JsonCase cases[] = {
		{NULL, 0, "null"},
		{"", 0, "\"\""},
		{"plain", 5, "\"plain\""},
		{"a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\""},
		{"\n\r\t\b\f", 5, "\"\\n\\r\\t\\u0008\\u000c\""},
		{"\0\x01\x1F\x7F", 4, "\"\\u0000\\u0001\\u001f\\u007f\""},
		{"\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80", 9, "\"\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80\""},
		{"\xFF", 1, "\"\xEF\xBF\xBD\""},
		{"a\xC3", 2, "\"a\xEF\xBF\xBD\""},
		{"\xC3\"", 2, "\"\xEF\xBF\xBD\\\"\""},
		{"\xE2\x82z", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBDz\""},
		{"\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
	};
	Buffer buffer;

	(void) state;
	buffer_init(&buffer, 1000);
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		ByteView view = {(const uint8_t *) cases[i].text, cases[i].len};

		buffer_reset(&buffer);
		buffer_append_json_string(&buffer, view);
		assert_false(buffer.failed);
		assert_string_equal(buffer.data, cases[i].json);
		assert_true(view_is_utf8(buffer_view(&buffer)));
	}
	buffer_free(&buffer);
}

/* Whatever the bytes, the result is UTF-8 and has no raw control character or quote. */
static void
every_byte_makes_a_json_string(void **state)
{
	Buffer buffer;

	(void) state;
	buffer_init(&buffer, 1000);
	for (unsigned pair = 0; pair < 65536; pair++)
	{
		uint8_t bytes[2] = {(uint8_t) (pair >> 8), (uint8_t) pair};
		ByteView view = {bytes, 2};

		buffer_reset(&buffer);
		buffer_append_json_string(&buffer, view);
		assert_true(view_is_utf8(buffer_view(&buffer)));
		assert_int_equal(buffer.data[0], '"');
		assert_int_equal(buffer.data[buffer.len - 1], '"');
		for (size_t i = 1; i + 1 < buffer.len; i++)
		{
			assert_true((uint8_t) buffer.data[i] >= 0x20);
			if (buffer.data[i] == '\\')
				i++;
			else
				assert_true(buffer.data[i] != '"');
		}
	}
	buffer_free(&buffer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_buffer_is_an_empty_string),
		cmocka_unit_test(appends_and_terminates),
		cmocka_unit_test(integers_in_network_order),
		cmocka_unit_test(the_limit_holds_to_the_byte),
		cmocka_unit_test(after_a_failure_nothing_is_added),
		cmocka_unit_test(huge_appends_do_not_wrap),
		cmocka_unit_test(reset_keeps_the_memory),
		cmocka_unit_test(patches_within_what_is_there),
		cmocka_unit_test(makes_json_strings),
		cmocka_unit_test(every_byte_makes_a_json_string),
	};

	return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
