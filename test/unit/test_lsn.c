/*
 * test_lsn.c
 *	  WAL positions from text and to text.
 */
#include "unit.h"

#include "lsn.h"

typedef struct LsnCase
{
	const char *text;
	PgLsn lsn;
	const char *canonical;
} LsnCase;

static const LsnCase good[] = {
	{"0/0", 0, "0/0"},
	{"0/1", 1, "0/1"},
	{"16/B374D848", UINT64_C(0x16B374D848), "16/B374D848"},
	{"16/b374d848", UINT64_C(0x16B374D848), "16/B374D848"},
	{"00000016/0000000A", UINT64_C(0x160000000A), "16/A"},
	{"1/0", UINT64_C(0x100000000), "1/0"},
	{"FFFFFFFF/FFFFFFFF", UINT64_MAX, "FFFFFFFF/FFFFFFFF"},
};

static const char *const bad[] = {
	"",	   "/",		"0",	"0/",		   "/0",		  "0/0/0", "0/0 ",	" 0/0", "-1/0",
	"0/g", "0x1/0", "+1/1", "123456789/0", "0/123456789", "0.0",   "0 / 0", "0//0",
};

static void
parses_and_formats(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH(good); i++)
	{
		char text[LSN_TEXT_SIZE];
		PgLsn lsn = 42;

		assert_true(lsn_parse(good[i].text, strlen(good[i].text), &lsn));
		assert_true(lsn == good[i].lsn);
		assert_int_equal(lsn_format(lsn, text), strlen(good[i].canonical));
		assert_string_equal(text, good[i].canonical);
	}
}

static void
refuses(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH(bad); i++)
	{
		PgLsn lsn = 42;

		if (lsn_parse(bad[i], strlen(bad[i]), &lsn))
			fail_msg("accepted \"%s\"", bad[i]);
		assert_true(lsn == 42);
	}
	assert_false(lsn_parse("0/1\0", 4, &(PgLsn){0}));
}

static void
stops_at_the_given_length(void **state)
{
	PgLsn lsn;

	(void) state;
	assert_true(lsn_parse("1/23456", 3, &lsn));
	assert_true(lsn == UINT64_C(0x100000002));
	assert_false(lsn_parse("1/2", 1, &lsn));
	assert_false(lsn_parse("1/2", 2, &lsn));
	assert_false(lsn_parse(NULL, 0, &lsn));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_and_formats),
		cmocka_unit_test(refuses),
		cmocka_unit_test(stops_at_the_given_length),
	};

	return cmocka_run_group_tests_name("lsn", tests, NULL, NULL);
}
