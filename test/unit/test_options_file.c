/*
 * test_options_file.c
 *	  The INI file: every construct, every error with its line.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "exit_codes.h"
#include "options_table.h"
#include "random.h"

static Options *options;
static Error error;
static char directory[64];
static char path[96];

static int
setup(void **state)
{
	(void) state;
	snprintf(directory, sizeof(directory), "/tmp/outbox-options-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/sample.ini", directory);
	options = options_create(&sample_table);
	error_clear(&error);
	return options != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void) state;
	options_free(options);
	unlink(path);
	return rmdir(directory);
}

static bool
load_bytes(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	return options_load_file(options, path, &error);
}

static void
load(const char *text)
{
	if (!load_bytes(text, strlen(text)))
		fail_msg("%s", error.message);
}

static void
takes_every_construct(void **state)
{
	char origin[128];

	(void) state;
	load("# a comment\n"
		 "; another\n"
		 "\n"
		 "plain = before any section\n"
		 "  \t \n"
		 "window.events=7\n"
		 "[postgres]\n"
		 "slot=s\n"
		 "conninfo =   host=a  # not a comment; 'quotes' stay  \n"
		 "[ topics ]  \n"
		 "create\t=\toff\n"
		 "[postgres]\n"
		 "late =\n"
		 "[kafka]\n"
		 "linger.ms = 5\n"
		 "client.id = c\n"
		 "[kafka.ssl]\n"
		 "ca.location = x"); /* no newline at the end */
	assert_string_equal(options_text(options, "plain"), "before any section");
	assert_int_equal(options_int(options, "window.events"), 7);
	assert_string_equal(options_text(options, "postgres.slot"), "s");
	assert_string_equal(options_text(options, "postgres.conninfo"),
						"host=a  # not a comment; 'quotes' stay");
	assert_false(options_bool(options, "topics.create"));
	assert_string_equal(options_text(options, "postgres.late"), "");
	assert_string_equal(options_text(options, "kafka.client.id"), "c");
	snprintf(origin, sizeof(origin), "file %s:8", path);
	assert_string_equal(options_origin(options, "postgres.slot"), origin);
}

static char seen[4096];

static bool
note_section(const char *section, const char *key, const char *value, const char *origin, void *arg,
			 Error *visit_error)
{
	size_t len = strlen(seen);

	(void) visit_error;
	snprintf(seen + len, sizeof(seen) - len, "%s/%s=<%s>%s\n", section, key, value,
			 strrchr(origin, ':'));
	return arg == NULL || strcmp(key, (const char *) arg) != 0;
}

static const char *passed; /* the value of the only property that is passed through */

static bool
note_property(const char *name, const char *value, const char *origin, void *arg, Error *note_error)
{
	(void) name;
	(void) origin;
	(void) arg;
	(void) note_error;
	passed = value;
	return true;
}

static void
continues_what_may_have_lines(void **state)
{
	(void) state;
	load("[postgres]\n"
		 "conninfo = host=h\n"
		 "  dbname=d\n"
		 "[kafka]\n"
		 "ssl.ca.pem =\n"
		 "  -----BEGIN CERTIFICATE-----\n"
		 "  AAAA\n");
	assert_string_equal(options_text(options, "postgres.conninfo"), "host=h\ndbname=d");
	assert_true(options_each_passthrough(options, note_property, NULL, &error));
	assert_string_equal(passed, "-----BEGIN CERTIFICATE-----\nAAAA");
}

static void
continues_values(void **state)
{
	(void) state;
	load("[handler outbox.event.driver]\n"
		 "sql = INSERT INTO t (a, b)\n"
		 "      SELECT key, -- a remark\n"
		 "\tpayload  \n"
		 "\n"
		 "# a comment in between\n"
		 "  # no comment: it is indented\n"
		 " FROM batch\n"
		 "payload = json\n"
		 "[handler   second one ]\n"
		 "sql =\n"
		 "  SELECT 1\n"
		 "[postgres]\n"
		 "slot = s\n");
	seen[0] = '\0';
	assert_true(options_each_section(options, note_section, NULL, &error));
	assert_string_equal(seen, "outbox.event.driver/sql=<INSERT INTO t (a, b)\n"
							  "SELECT key, -- a remark\n"
							  "payload\n"
							  "# no comment: it is indented\n"
							  "FROM batch>:2\n"
							  "outbox.event.driver/payload=<json>:9\n"
							  "second one/sql=<SELECT 1>:11\n");
	seen[0] = '\0';
	assert_false(options_each_section(options, note_section, (void *) "payload", &error));
	assert_null(strstr(seen, "second"));
	assert_string_equal(options_text(options, "postgres.slot"), "s");
}

static void
takes_files_from_other_systems(void **state)
{
	(void) state;
	load("\xEF\xBB\xBF[postgres]\r\nslot = s\r\n\r\n[handler x]\r\nsql = a\r\n  b\r\n");
	assert_string_equal(options_text(options, "postgres.slot"), "s");
	seen[0] = '\0';
	assert_true(options_each_section(options, note_section, NULL, &error));
	assert_string_equal(seen, "x/sql=<a\nb>:5\n");
	load("");
	load("\n");
	load("#");
}

static void
takes_a_file_that_is_indented_as_a_whole(void **state)
{
	(void) state;
	load("\n    # a comment\n    plain = x\n  \n    [postgres]\n    slot = s\n\n"
		 "    [handler h]\n    sql = a\n        b\n    # in between\n     c\n");
	assert_string_equal(options_text(options, "plain"), "x");
	assert_string_equal(options_text(options, "postgres.slot"), "s");
	seen[0] = '\0';
	assert_true(options_each_section(options, note_section, NULL, &error));
	assert_string_equal(seen, "h/sql=<a\nb\nc>:9\n");
}

#define ONE_LINE(name) "indented line would go on with the value of \"" name "\""
#define GOES_ON                                                                                    \
	"White space first in a line goes on with the value above it: take it away from keys, "        \
	"sections and comments."

typedef struct BadFile
{
	const char *text;
	int line;
	const char *message; /* behind "file:line: " */
	const char *hint;
} BadFile;

static void
refuses_with_file_and_line(void **state)
{
	static const BadFile cases[] = {
		{"\n\n[postgres]\n\n\n\nx.y = 1\n", 7, "unrecognized key \"postgres.x.y\"", ""},
		{"\n\n\n\n\n\nx.y = 1\n", 7, "unrecognized key \"x.y\"", ""},
		{"slott = 1\n", 1, "unrecognized key \"slott\"", ""},
		{"[postgres]\nslto = 1\n", 2, "unrecognized key \"postgres.slto\"",
		 "Did you mean \"postgres.slot\"?"},
		{"[kafka]\nslot = 1\n\n[log]\nslot = 1\n", 5, "unrecognized key \"log.slot\"",
		 "Did you mean \"postgres.slot\"?"},
		{"[postgre]\nslot = 1\n", 1, "unrecognized section \"postgre\"",
		 "Did you mean \"postgres\"?"},
		{"[handlers x]\n", 1, "unrecognized section \"handlers x\"", ""},
		{"[handler]\nsql = 1\n", 1, "unrecognized section \"handler\"", ""},
		{"[elsewhere]\n", 1, "unrecognized section \"elsewhere\"", ""},
		{"[kaf]\n", 1, "unrecognized section \"kaf\"", ""},
		{"[kafkaesque]\n", 1, "unrecognized section \"kafkaesque\"", ""},
		{"[]\n", 1, "section has no name", ""},
		{"[ ]\n", 1, "section has no name", ""},
		{"[\n", 1, "expected \"]\" at the end of the line", ""},
		{"\n[postgres\n", 2, "expected \"]\" at the end of the line", ""},
		{"[postgres] # why\n", 1, "expected \"]\" at the end of the line", ""},
		{"[postgres]x\n", 1, "expected \"]\" at the end of the line", ""},
		{"slot\n", 1, "expected \"key = value\"", ""},
		{"= x\n", 1, "expected \"key = value\"", ""},
		{"a b = x\n", 1, "expected \"key = value\"", ""},
		{"\"a\" = x\n", 1, "expected \"key = value\"", ""},
		{"a: x\n", 1, "expected \"key = value\"", ""},
		{"]\n", 1, "expected \"key = value\"", ""},
		{"\xC3\xBC = x\n", 1, "expected \"key = value\"", ""},
		{"plain = a\n\npostgres.slot = \"x\"\n[log]\n", 3, "value in quotes",
		 "There are no quotes here: write the value as it is."},
		{"http.password = \"hunter2\"\n", 1, "value in quotes",
		 "There are no quotes here: write the value as it is, or into a file of its own, if they "
		 "belong to it."},
		{"plain = a # why\n\n", 1, "comment behind a value", "A comment needs a line of its own."},
		{"plain = a\t#\n", 1, "comment behind a value", ""},
		{"\nplain = # nothing\n", 2, "comment behind a value", ""},
		{"postgres.conninfo = dbname=a # why\n", 1, "comment behind a value", ""},
		{"kafka.linger.ms = 5 # why\n", 1, "comment behind a value", ""},
		{"plain = a\nlog.level = info \xE9\n", 2, "line isn't UTF-8", ""},
		{"# caf\xE9\n", 1, "line isn't UTF-8", ""},
		{"plain = \xC0\x80\n", 1, "line isn't UTF-8", ""},
		{"plain = \xF0\x9F\x98\n", 1, "line isn't UTF-8", ""},
		{"plain = \xF5\x80\x80\x80\n", 1, "line isn't UTF-8", ""},
		{"  plain = x\nhttp.password = y\n", 2, "line is indented less than the first one",
		 "Line 1 begins with white space: take it away, or begin every line with the same."},
		{"\n\tplain = x\n    log.level = info\n", 3, "line is indented less than the first one",
		 "Line 2 begins with white space: take it away, or begin every line with the same."},
		{"    [postgres]\n     slot = x\n", 2, "indented line continues nothing", ""},
		{"[postgres]\n slot = x\n", 2, "indented line continues nothing",
		 "White space first in a line goes on with the value above it: take it away from keys, "
		 "sections and comments."},
		{"# a\n  plain = x\n", 2, "indented line continues nothing", ""},
		{"plain = x\n[log]\n y\n", 3, "indented line continues nothing", ""},
		{"plain = x\n[handler a]\n[log]\n", 2, "section is empty", ""},
		{"[handler a]\n# nothing\n", 1, "section is empty", ""},
		{"window.events = 1\n  2\n", 2, ONE_LINE("window.events"), GOES_ON},
		{"plain = a\n\n# b\n  log.level = info\n", 4, ONE_LINE("plain"), GOES_ON},
		{"plain =\n\tpostgres.slot = s\n", 2, ONE_LINE("plain"), GOES_ON},
		{"[http]\npassword = hunter2\n  hunter2\n", 3, ONE_LINE("http.password"), GOES_ON},
		{"[http]\npassword_file = /f\n  /g\n", 3, ONE_LINE("http.password_file"), GOES_ON},
		{"[kafka]\nlinger.ms = 5\n  acks = 1\n", 3, ONE_LINE("kafka.linger.ms"), GOES_ON},
		{"  [kafka]\n  linger.ms = 5\n   acks = 1\n", 3, ONE_LINE("kafka.linger.ms"), GOES_ON},
		{"kafka.ssl.key.pem_file = /f\n /g\n", 2, ONE_LINE("kafka.ssl.key.pem_file"), GOES_ON},
		{"postgres.conninfo = postgresql://h/d\n slot = s\n", 2, ONE_LINE("postgres.conninfo"),
		 GOES_ON},
		/* A key that isn't known is the first fault. */
		{"plan = x\n  y\n", 1, "unrecognized key \"plan\"", ""},
		{"[window]\nevents =\n", 2, "invalid value for \"window.events\": \"\"", ""},
		{"[secret]\nnumber = hunter2\n", 2, "invalid value for \"secret.number\"", ""},
		{"plain = 1\n\nplain = 2\n", 3, "\"plain\" is set twice", ""},
		{"[postgres]\nslot = 1\n[log]\n[postgres]\nslot = 1\n", 5, "\"postgres.slot\" is set twice",
		 ""},
		{"[kafka]\nlinger.ms = 1\nlinger.ms = 1\n", 3, "\"kafka.linger.ms\" is set twice", ""},
		{"[handler a]\nsql = 1\nsql = 2\n", 3, "\"sql\" is set twice in section \"handler a\"", ""},
		{"[handler a]\nsql = 1\n[handler a]\npayload = json\n", 3, "section is there twice", ""},
		{"[handler a]\nsql = INSERT INTO t\nSELECT 1 FROM batch\n", 3, "expected \"key = value\"",
		 "To go on with the value of \"sql\", start the line with white space."},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		char message[700];

		options_free(options);
		options = options_create(&sample_table);
		error_clear(&error);
		if (load_bytes(cases[i].text, strlen(cases[i].text)))
			fail_msg("accepted %s", cases[i].text);
		snprintf(message, sizeof(message), "%s:%d: %s", path, cases[i].line, cases[i].message);
		assert_string_equal(error.message, message);
		if (cases[i].hint[0] != '\0')
			assert_string_equal(error.hint, cases[i].hint);
		assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
	}
}

static void
takes_what_only_looks_like_a_comment(void **state)
{
	(void) state;
	load("plain = a#b \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\n"
		 "http.password = a #b\n"
		 "postgres.conninfo = dbname=a password='a #b'\n"
		 "[handler x]\nsql = SELECT \"a\" # b\n");
	assert_string_equal(options_text(options, "plain"), "a#b \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
	assert_string_equal(options_text(options, "http.password"), "a #b");
	assert_string_equal(options_text(options, "postgres.conninfo"), "dbname=a password='a #b'");
}

static void
says_where_it_was_set_before(void **state)
{
	char detail[200];

	(void) state;
	assert_false(load_bytes("plain = 1\n\nplain = 2\n", 21));
	snprintf(detail, sizeof(detail), "It was set before in file %s:1.", path);
	assert_string_equal(error.detail, detail);
}

static void
a_file_does_not_override_what_is_above_it(void **state)
{
	char *envp[] = {(char *) "OUTBOX_SAMPLE_PLAIN=env", NULL};

	(void) state;
	assert_true(options_load_env(options, envp, &error));
	load("plain = file\n");
	assert_string_equal(options_text(options, "plain"), "env");
	/* But it is checked. */
	assert_true(options_set(options, "window.events", "5", "test", &error));
	assert_false(load_bytes("window.events = x\n", 18));
}

static void
refuses_zero_bytes(void **state)
{
	char message[200];

	(void) state;
	assert_false(load_bytes("plain = a\nwindow.events = 1\0"
							"2\n",
							30));
	snprintf(message, sizeof(message), "%s:2: line has a zero byte", path);
	assert_string_equal(error.message, message);
}

static void
refuses_long_names(void **state)
{
	static char text[4096];
	size_t len;

	(void) state;
	/* A key or a section of 127 bytes is the longest; 128 are refused. */
	len = (size_t) snprintf(text, sizeof(text), "kafka.%0121d = 1\n[handler %0127d]\nsql = 1\n", 1,
							2);
	assert_true(load_bytes(text, len));
	len = (size_t) snprintf(text, sizeof(text), "kafka.%0122d = 1\n", 1);
	assert_false(load_bytes(text, len));
	assert_non_null(strstr(error.message, ":1: expected \"key = value\""));
	len = (size_t) snprintf(text, sizeof(text), "[handler %0200d]\n", 1);
	assert_false(load_bytes(text, len));
	assert_non_null(strstr(error.message, ":1: section name is too long"));
}

static void
takes_a_megabyte_and_no_more(void **state)
{
	size_t size = 1024 * 1024 + 1;
	char *text = malloc(size);

	(void) state;
	assert_non_null(text);
	memset(text, 'x', size);
	memcpy(text, "plain = ", 8);
	assert_true(load_bytes(text, size - 1));
	assert_int_equal(strlen(options_text(options, "plain")), size - 1 - 8);
	assert_false(load_bytes(text, size));
	assert_non_null(strstr(error.message, "is larger than 1 MB"));
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	free(text);
}

static void
a_file_that_cannot_be_read_is_named(void **state)
{
	(void) state;
	assert_false(options_load_file(options, path, &error));
	assert_non_null(strstr(error.message, path));
	assert_non_null(strstr(error.message, strerror(ENOENT)));
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_false(options_load_file(options, directory, &error));
	assert_non_null(strstr(error.message, strerror(EISDIR)));
	assert_true(options_load_file(options, "/dev/null", &error));
}

/* Files put together from pieces at random: accepted or refused with a line, never a crash. */
static void
random_files_are_judged(void **state)
{
	static const char *const pieces[] = {
		"[",
		"]",
		"postgres",
		"handler ",
		"x",
		"=",
		" ",
		"\t",
		"\n",
		"\n",
		"slot",
		"#",
		";",
		"kafka",
		".",
		"\r\n",
		"window",
		"1",
		"a = b\n",
		"[kafka]\n",
		"\0",
		"\xFF",
		"[handler a]\n",
	};
	Random random;
	int accepted = 0;

	(void) state;
	random_seed(&random, 7);
	for (int round = 0; round < 3000; round++)
	{
		char text[512];
		size_t len = 0;
		uint64_t count = random_below(&random, 12);

		for (uint64_t i = 0; i < count; i++)
		{
			const char *piece = pieces[random_below(&random, LENGTH(pieces))];
			size_t piece_len = piece[0] == '\0' ? 1 : strlen(piece);

			memcpy(text + len, piece, piece_len);
			len += piece_len;
		}
		options_free(options);
		options = options_create(&sample_table);
		error_clear(&error);
		if (load_bytes(text, len))
			accepted++;
		else
			assert_memory_equal(error.message, path, strlen(path));
	}
	assert_in_range(accepted, 300, 2700);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(takes_every_construct),
		WITH_FILE(continues_values),
		WITH_FILE(continues_what_may_have_lines),
		WITH_FILE(takes_a_file_that_is_indented_as_a_whole),
		WITH_FILE(takes_files_from_other_systems),
		WITH_FILE(refuses_with_file_and_line),
		WITH_FILE(takes_what_only_looks_like_a_comment),
		WITH_FILE(says_where_it_was_set_before),
		WITH_FILE(a_file_does_not_override_what_is_above_it),
		WITH_FILE(refuses_zero_bytes),
		WITH_FILE(refuses_long_names),
		WITH_FILE(takes_a_megabyte_and_no_more),
		WITH_FILE(a_file_that_cannot_be_read_is_named),
		WITH_FILE(random_files_are_judged),
	};

	return cmocka_run_group_tests_name("options_file", tests, NULL, NULL);
}
