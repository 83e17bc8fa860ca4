/*
 * test_finding.c
 *	  The line that mends: whole, quoted for a shell, or not at all.
 */
#include "unit.h"

#include "finding.h"

static const DoctorSetup setup = {.slot = "slot", .publication = "pub", .kafka_servers = "k:9092"};

static void
runs_its_commands_with_the_same_file(void **state)
{
	static const struct
	{
		const char *file;
		const char *line;
	} rows[] = {
		{"relay.conf", "outbox-relay --config relay.conf init"},
		{"/etc/my relay.conf", "outbox-relay --config '/etc/my relay.conf' init"},
		{"it's", "outbox-relay --config 'it'\\''s' init"},
	};
	Finding finding;

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		DoctorSetup with_file = setup;

		with_file.config_file = rows[i].file;
		finding_begin(&finding, "x");
		finding_mend_by_relay(&finding, &with_file, "init");
		assert_string_equal(finding.remedy, rows[i].line);
	}
}

static void
makes_one_word_of_any_text(void **state)
{
	char out[16];

	(void) state;
	assert_true(finding_shell_word("a:1,b:2", out, sizeof(out)));
	assert_string_equal(out, "a:1,b:2");
	assert_true(finding_shell_word("a:1, b:2", out, sizeof(out)));
	assert_string_equal(out, "'a:1, b:2'");
	assert_true(finding_shell_word("$(x)", out, sizeof(out)));
	assert_string_equal(out, "'$(x)'");
	assert_true(finding_shell_word("", out, sizeof(out)));
	assert_false(finding_shell_word("a b c d e f g h i", out, sizeof(out)));
	assert_false(finding_shell_word("abcdefghijklmnop", out, sizeof(out)));
	assert_false(finding_shell_word("a b", out, 4));
}

static void
never_shows_half_a_line(void **state)
{
	char text[sizeof(((Finding *) 0)->remedy) + 1];
	Finding finding;

	(void) state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	finding_begin(&finding, "x");
	finding_mend(&finding, REMEDY_SQL, "%s", text);
	assert_int_equal(finding.place, REMEDY_ADVICE);
	finding_mend(&finding, REMEDY_SQL, "%s", text + 1);
	assert_int_equal(finding.place, REMEDY_SQL);
}

static void
each_severity_has_a_name(void **state)
{
	char long_name[1100];
	DoctorSetup other = setup;
	Finding finding;

	(void) state;
	assert_string_equal(finding_severity_name(FINDING_OK), "ok");
	assert_string_equal(finding_severity_name(FINDING_WARNING), "warning");
	assert_string_equal(finding_severity_name(FINDING_ERROR), "error");
	/* A file whose name has no room: words in its place. */
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	other.config_file = long_name;
	finding_begin(&finding, "check");
	finding_mend_by_relay(&finding, &other, "init");
	assert_int_equal(finding.place, REMEDY_ADVICE);
	assert_string_equal(finding.remedy, "outbox-relay init, with the same configuration");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_severity_has_a_name),
		cmocka_unit_test(runs_its_commands_with_the_same_file),
		cmocka_unit_test(makes_one_word_of_any_text),
		cmocka_unit_test(never_shows_half_a_line),
	};

	return cmocka_run_group_tests_name("finding", tests, NULL, NULL);
}
