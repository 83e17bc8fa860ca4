/*
 * test_options_reload.c
 *	  What changed between two readings, what only a restart can change, and what stays.
 */
#include "unit.h"

#include "options.h"

static const OptionSpec specs[] = {
	{"a.fixed", OPTION_TEXT, "one", 0, 0, NULL, "", 0, "Fixed."},
	{"a.other", OPTION_INT, "5", 0, 9, NULL, "", OPTION_RELOADABLE, "Other."},
	{"b.text", OPTION_TEXT, NULL, 0, 0, NULL, "", OPTION_RELOADABLE, "Text."},
	{"b.secret", OPTION_TEXT, "", 0, 0, NULL, "", 0, "Fixed, too."},
	{NULL, OPTION_TEXT, NULL, 0, 0, NULL, NULL, 0, NULL}};

static OptionTable table = {.program = "sample",
							.env_prefix = "SAMPLE",
							.passthrough = "kafka.",
							.passthrough_reloadable = true,
							.section_kind = NULL,
							.specs = specs};

static char path[] = "/tmp/outbox-reload-XXXXXX";
static char changes[1024];

static Options *
read_file(const char *text)
{
	Options *options = options_create(&table);
	FILE *file = fopen(path, "w");
	Error error;

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	error_clear(&error);
	if (!options_load_file(options, path, &error))
		fail_msg("%s", error.message);
	return options;
}

static void
note(const char *name, const char *origin, bool reloadable, void *arg)
{
	size_t len = strlen(changes);
	const char *line = strrchr(origin, ':');

	(void) arg;
	snprintf(changes + len, sizeof(changes) - len, "%s %s%s;", name, line != NULL ? line : origin,
			 reloadable ? "" : " restart");
}

static const char *
changes_of(const Options *a, const Options *b)
{
	changes[0] = '\0';
	options_each_change(a, b, note, NULL);
	return changes;
}

static int
setup(void **state)
{
	int fd;

	(void) state;
	memcpy(path, "/tmp/outbox-reload-XXXXXX", sizeof(path));
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	table.passthrough_reloadable = true;
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	return unlink(path);
}

static void
names_what_changed(void **state)
{
	Options *old = read_file("a.other = 5\nb.text = x\nkafka.x = 1\nkafka.y = 2\n");
	Options *same = read_file("# moved\n\nb.text = x\nkafka.y = 2\nkafka.x = 1\n");
	Options *fresh = read_file("a.fixed = two\na.other = 6\nkafka.x = 3\nkafka.z = 4\n");

	(void) state;
	/* A default that is written out, and other lines, are no change. */
	assert_string_equal(changes_of(old, same), "");
	assert_string_equal(changes_of(old, fresh),
						"a.fixed :1 restart;a.other :2;b.text default;kafka.x :3;"
						"kafka.z :4;kafka.y no longer set;");
	table.passthrough_reloadable = false;
	assert_non_null(strstr(changes_of(old, fresh), "kafka.x :3 restart;"));
	options_free(old);
	options_free(same);
	options_free(fresh);
}

static void
refuses_what_takes_a_restart(void **state)
{
	Options *old = read_file("a.other = 5\n");
	Options *fine = read_file("a.other = 6\nkafka.x = 1\n");
	Options *bad = read_file("a.other = 6\na.fixed = two\nb.secret = word\n");
	Error error;

	(void) state;
	error_clear(&error);
	assert_true(options_check_reload(old, fine, &error));
	assert_false(options_check_reload(old, bad, &error));
	assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
	assert_string_equal(error.message, "only a restart can change \"a.fixed\", \"b.secret\"");
	assert_non_null(strstr(error.detail, ":2"));
	assert_non_null(strstr(error.detail, ":3"));
	/* Names and places, and no value. */
	assert_null(strstr(error.detail, "word"));
	options_free(old);
	options_free(fine);
	options_free(bad);
}

static bool
one(const char *name, const char *value, const char *origin, void *arg, Error *error)
{
	char *found = arg;

	(void) origin;
	(void) error;
	snprintf(found, 64, "%s=%s", name, value);
	return true;
}

static void
texts_that_did_not_change_stay(void **state)
{
	Options *old = read_file("a.fixed = two\na.other = 5\nb.text = x\nkafka.x = 1\n");
	Options *fresh = read_file("b.text = y\na.other = 7\na.fixed = two\nkafka.z = 9\n");
	const char *fixed = options_text(old, "a.fixed");
	char found[64];
	Error error;

	(void) state;
	options_adopt(old, fresh);
	options_free(fresh);
	assert_ptr_equal(options_text(old, "a.fixed"), fixed);
	assert_string_equal(fixed, "two");
	assert_string_equal(options_text(old, "b.text"), "y");
	assert_int_equal(options_int(old, "a.other"), 7);
	assert_non_null(strstr(options_origin(old, "a.fixed"), ":3"));
	assert_true(options_each_passthrough(old, one, found, &error));
	assert_string_equal(found, "z=9");
	options_free(old);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_what_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_takes_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(texts_that_did_not_change_stay, setup, teardown),
	};

	return cmocka_run_group_tests_name("options_reload", tests, NULL, NULL);
}
