/*
 * test_traceparent.c
 *	  What is a traceparent, and what isn't.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "traceparent.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define GOOD "00-" TRACE "-" PARENT "-01"

static void
takes_what_is_one(void **state)
{
	static const char *const texts[] = {
		GOOD,
		"00-" TRACE "-" PARENT "-00",
		"00-" TRACE "-" PARENT "-ff",
		"00-00000000000000000000000000000001-0000000000000001-01",
		"01-" TRACE "-" PARENT "-01",
		"cc-" TRACE "-" PARENT "-01-what-the-future-will-be-like",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		ByteView valid;

		assert_true(traceparent_parse(view_of(texts[i]), &valid));
		assert_int_equal(valid.len, TRACEPARENT_LEN);
		assert_memory_equal(valid.data, texts[i], TRACEPARENT_LEN);
	}
}

static void
refuses_everything_else(void **state)
{
	static const char *const texts[] = {
		"",
		"00",
		GOOD " ",
		GOOD "-more",
		" " GOOD,
		"00-" TRACE "-" PARENT "-0",
		"00-" TRACE "-" PARENT "-0g",
		"00-" TRACE "-" PARENT "-0G",
		"0-" TRACE "-" PARENT "-011",
		"ff-" TRACE "-" PARENT "-01",
		"01-" TRACE "-" PARENT "-01.more",
		"00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
		"00-00000000000000000000000000000000-" PARENT "-01",
		"00-" TRACE "-0000000000000000-01",
		"00_" TRACE "_" PARENT "_01",
		"00-" TRACE "-" PARENT "\n01",
		"00-0af7651916cd43dd8448eb211c80319'-" PARENT "-01",
		"'; DROP TABLE applied; -- 0000000000000000000000000000000000",
		"%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s",
	};
	ByteView valid;

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		assert_false(traceparent_parse(view_of(texts[i]), &valid));
		assert_null(valid.data);
	}
	assert_false(traceparent_parse((ByteView){NULL, 0}, &valid));
	/* Any byte in any place but the right ones. */
	for (size_t place = 0; place < TRACEPARENT_LEN; place++)
	{
		for (int byte = 0; byte < 256; byte++)
		{
			uint8_t text[TRACEPARENT_LEN + 1] = GOOD;
			bool dash = text[place] == '-';
			bool hex = byte != 0 && strchr("0123456789abcdef", byte) != NULL;

			text[place] = (uint8_t) byte;
			if (place < 2)
				hex = hex && byte != 'f';
			if (traceparent_parse((ByteView){text, TRACEPARENT_LEN}, &valid))
				assert_true(dash ? byte == '-' : byte != 0 && strchr("0123456789abcdef", byte));
			else
				assert_false(dash ? byte == '-' : hex);
		}
	}
}

static void
knows_what_is_sampled(void **state)
{
	ByteView valid;

	(void) state;
	assert_true(traceparent_parse(view_of(GOOD), &valid));
	assert_true(traceparent_is_sampled(valid));
	assert_true(traceparent_parse(view_of("00-" TRACE "-" PARENT "-02"), &valid));
	assert_false(traceparent_is_sampled(valid));
	assert_true(traceparent_parse(view_of("00-" TRACE "-" PARENT "-1b"), &valid));
	assert_true(traceparent_is_sampled(valid));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_is_one),
		cmocka_unit_test(refuses_everything_else),
		cmocka_unit_test(knows_what_is_sampled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
