/*
 * test_options_mask.c
 *	  What must not be shown, by its name and by what it holds.
 */
#include "unit.h"

#include "options_intern.h"

static void
names_of_secrets(void **state)
{
	static const char *const secret[] = {
		"sasl.password", "client.SECRET",			"ssl.key.passphrase", "a.token",
		"sasl.jaas",	 "sasl.oauthbearer.config", "ssl.ca.pem"};
	static const char *const open[] = {"ssl.key.location", "linger.ms", "location", ""};
	static const char *const keys[] = {"password", "my_Secret", "token2"};

	(void) state;
	for (size_t i = 0; i < LENGTH(secret); i++)
		assert_true(option_passthrough_is_secret(secret[i]));
	for (size_t i = 0; i < LENGTH(open); i++)
		assert_false(option_passthrough_is_secret(open[i]));
	for (size_t i = 0; i < LENGTH(keys); i++)
		assert_true(option_section_key_is_secret(keys[i]));
	assert_false(option_section_key_is_secret("sql"));
}

static void
shown_as(const char *conninfo, const char *expected)
{
	Buffer out;

	buffer_init(&out, 1000);
	options_mask_conninfo(&out, conninfo);
	assert_string_equal(out.data, expected);
	buffer_free(&out);
}

static void
odd_strings(void **state)
{
	(void) state;
	shown_as("password=a\\", "password=********");
	shown_as("password=a\\ b c=d", "password=******** c=d");
	shown_as("postgresql://u:p?q@h", "postgresql://u:********@h");
	shown_as("postgresql://u?q@h", "postgresql://u?q@h");
	shown_as("postgresql://h/d?a=b:c", "postgresql://h/d?a=b:c");
	shown_as("postgresql://h:1/d?a=b", "postgresql://h:1/d?a=b");
	assert_true(options_conninfo_is_plain("postgresql://h:1,[::1]:2,i/d"));
	assert_true(options_conninfo_is_plain("postgresql://h:"));
	assert_false(options_conninfo_is_plain("postgresql://h:1x"));
	assert_true(options_conninfo_is_plain("host=h port=x"));
}

static void
complaints(void **state)
{
	static const char *const rows[][3] = {
		{"host=h", "a \"b\" c\nd", "a \"b\" c"},
		{"password=b", "a \"b\" c\nd", "a \"********\" c"},
		{"password=b", "a \"b", "a \"********\""},
		{"host=h", "a \"b", "a \"b\""},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		Buffer out;

		buffer_init(&out, 1000);
		options_conninfo_complaint(&out, rows[i][0], rows[i][1]);
		assert_string_equal(out.data, rows[i][2]);
		buffer_free(&out);
	}
}

static void
values_of_options(void **state)
{
	static const struct
	{
		OptionSpec spec;
		const char *value;
		const char *expected;
	} cases[] = {
		{{"a.password", OPTION_TEXT, NULL, 0, 0, NULL, "", OPTION_SECRET, ""}, "x", "********"},
		{{"a.password", OPTION_TEXT, NULL, 0, 0, NULL, "", OPTION_SECRET, ""}, "", ""},
		{{"a.string", OPTION_TEXT, NULL, 0, 0, NULL, "", OPTION_CONNINFO, ""},
		 "password=x",
		 "password=********"},
		{{"conninfo", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, ""}, "password=x", "password=********"},
		{{"a", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, ""}, "password=x", "password=x"},
		{{"a.long_name", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, ""}, "password=x", "password=x"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		Buffer out;

		buffer_init(&out, 1000);
		option_append_masked(&out, &cases[i].spec, cases[i].value);
		assert_string_equal(out.data, cases[i].expected);
		buffer_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_secrets),
		cmocka_unit_test(odd_strings),
		cmocka_unit_test(complaints),
		cmocka_unit_test(values_of_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
