/*
 * test_position.c
 *	  Stable positions: order, text and back, and everything that is no position.
 */
#include "unit.h"

#include "position.h"
#include "random.h"

#define LONGEST_ID "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

typedef struct PositionCase
{
	const char *text;
	const char *source_id;
	Position position;
} PositionCase;

static const PositionCase good[] = {
	{"ride-7f3a/1.1/0/16B374D8/0", "ride-7f3a", {1, 1, 0x16B374D8, 0}},
	{"a/2.3/16/B374D848/100000", "a", {2, 3, UINT64_C(0x16B374D848), 100000}},
	{"_/1.1/0/0/0", "_", {1, 1, 0, 0}},
	{LONGEST_ID "/4294967295.4294967295/FFFFFFFF/FFFFFFFF/18446744073709551615",
	 LONGEST_ID,
	 {UINT32_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX}},
};

static const char *const bad[] = {
	"",
	"/",
	"a",
	"a/",
	"a/1",
	"a/1.1",
	"a/1.1/",
	"a/1.1/0",
	"a/1.1/0/1",
	"a/1.1/0/1/",
	"a/1.1/0/1/0/",
	"a/1.1/0/1/0/0",
	"a/1.1/0/1/0 ",
	" a/1.1/0/1/0",
	"/1.1/0/1/0",
	"a b/1.1/0/1/0",
	"\xC3\xA4/1.1/0/1/0",
	"a{/1.1/0/1/0",
	"a[/1.1/0/1/0",
	"a:/1.1/0/1/0",
	"a./1.1/0/1/0",
	LONGEST_ID "x/1.1/0/1/0",
	"a/0.1/0/1/0",
	"a/1.0/0/1/0",
	"a/01.1/0/1/0",
	"a/1.01/0/1/0",
	"a/1/0/1/0",
	"a/1.1.1/0/1/0",
	"a/.1/0/1/0",
	"a/1./0/1/0",
	"a/-1.1/0/1/0",
	"a/+1.1/0/1/0",
	"a/1.1/0/1/-1",
	"a/1.1/0/1/00",
	"a/1.1/0/1/01",
	"a/1.1/0/1/1a",
	"a/1.1/g/1/0",
	"a/1.1//1/0",
	"a/1.1/0//0",
	"a/1.1/123456789/1/0",
	"a/1.1/0/123456789/0",
	"a/4294967296.1/0/1/0",
	"a/1.4294967296/0/1/0",
	"a/1.1/0/1/18446744073709551616",
	"a/1.1/0/1/99999999999999999999",
	"a/99999999999999999999.1/0/1/0",
};

static void
parses_and_formats(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH(good); i++)
	{
		char source_id[SOURCE_ID_MAX + 1];
		char text[POSITION_TEXT_SIZE];
		Position position;

		assert_true(position_parse(good[i].text, strlen(good[i].text), source_id, &position));
		assert_string_equal(source_id, good[i].source_id);
		assert_int_equal(position_compare(&position, &good[i].position), 0);
		assert_int_equal(position_format(source_id, &position, text), strlen(good[i].text));
		assert_string_equal(text, good[i].text);
	}
	assert_int_equal(strlen(good[3].text), POSITION_TEXT_SIZE - 1);
}

static void
refuses(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH(bad); i++)
	{
		char source_id[SOURCE_ID_MAX + 1] = "untouched";
		Position position = {7, 7, 7, 7};

		if (position_parse(bad[i], strlen(bad[i]), source_id, &position))
			fail_msg("accepted \"%s\"", bad[i]);
		assert_string_equal(source_id, "untouched");
		assert_int_equal(position.generation, 7);
		assert_true(position.ordinal == 7);
	}
}

/* Every true prefix of a position either is none or, digits being cut, is a smaller one. */
static void
prefixes_are_read_within_their_length(void **state)
{
	const char *text = good[1].text;
	size_t len = strlen(text);

	(void) state;
	for (size_t cut = 0; cut < len; cut++)
	{
		char *copy =
			malloc(cut > 0 ? cut : 1); /* without a terminator: a sanitizer sees overreads */
		char source_id[SOURCE_ID_MAX + 1];
		Position position;
		bool ok;

		assert_non_null(copy);
		memcpy(copy, text, cut);
		ok = position_parse(copy, cut, source_id, &position);
		assert_int_equal(ok, cut > strlen("a/2.3/16/B374D848/"));
		free(copy);
	}
}

static void
orders_by_epoch_then_lsn_then_ordinal(void **state)
{
	static const Position rising[] = {
		{1, 1, 0, 0},
		{1, 1, 0, 9},
		{1, 1, 0, UINT64_C(1) << 40},
		{1, 1, 5, 0},
		{1, 1, UINT64_C(0x100000000), 0},
		{1, 2, 0, 0},
		{1, 10, 0, 0},
		{2, 1, 0, 0},
		{2, 1, 0, 1},
		{10, 1, 0, 0},
		{UINT32_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rising); i++)
	{
		for (size_t j = 0; j < LENGTH(rising); j++)
		{
			int order = position_compare(&rising[i], &rising[j]);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
}

static void
random_positions_come_back(void **state)
{
	Random random;

	(void) state;
	random_seed(&random, 20261121);
	for (int i = 0; i < 20000; i++)
	{
		Position position = {(uint32_t) random_below(&random, UINT32_MAX) + 1,
							 (uint32_t) (random_next(&random) >> (32 + random_below(&random, 31))) |
								 1,
							 random_next(&random) >> random_below(&random, 64),
							 random_next(&random) >> random_below(&random, 64)};
		char text[POSITION_TEXT_SIZE];
		char source_id[SOURCE_ID_MAX + 1];
		Position back;
		char expected[POSITION_TEXT_SIZE];
		size_t len = position_format("src", &position, text);

		assert_int_equal(len, strlen(text));
		snprintf(expected, sizeof(expected), "src/%u.%u/%X/%X/%llu", position.generation,
				 position.timeline, (unsigned) (position.commit_lsn >> 32),
				 (unsigned) position.commit_lsn, (unsigned long long) position.ordinal);
		assert_string_equal(text, expected);
		assert_true(position_parse(text, len, source_id, &back));
		assert_int_equal(position_compare(&position, &back), 0);
	}
}

static void
judges_source_ids(void **state)
{
	(void) state;
	assert_true(source_id_valid("a", 1));
	assert_true(source_id_valid("A-z_09", 6));
	assert_true(source_id_valid(LONGEST_ID, SOURCE_ID_MAX));
	assert_false(source_id_valid("", 0));
	assert_false(source_id_valid("a/b", 3));
	assert_false(source_id_valid("a.b", 3));
	assert_false(source_id_valid("a\0b", 3));
	assert_false(source_id_valid(LONGEST_ID "x", SOURCE_ID_MAX + 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_and_formats),
		cmocka_unit_test(refuses),
		cmocka_unit_test(prefixes_are_read_within_their_length),
		cmocka_unit_test(orders_by_epoch_then_lsn_then_ordinal),
		cmocka_unit_test(random_positions_come_back),
		cmocka_unit_test(judges_source_ids),
	};

	return cmocka_run_group_tests_name("position", tests, NULL, NULL);
}
