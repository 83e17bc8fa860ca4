/*
 * test_options_print.c
 *	  Help, settings, sample file and reference come from one table; secrets stay
 *	  hidden.
 */
#include "unit.h"

#include "options_table.h"

static Error error;

/* What a printing function wrote; to be freed. */
static char *
printed_table(void (*print)(const OptionTable *, FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print(&sample_table, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static char *
printed_config(const Options *options)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	options_print_config(options, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
expect_in(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static void
lines_are_short(const char *text)
{
	while (*text != '\0')
	{
		size_t len = strcspn(text, "\n");

		if (len > 79)
			fail_msg("long line: %.*s", (int) len, text);
		assert_true(len == 0 || text[len - 1] != ' ');
		text += len;
		text += *text != '\0';
	}
}

static void
help_has_every_option(void **state)
{
	char *text = printed_table(options_print_help);

	(void) state;
	for (const OptionSpec *spec = sample_specs; spec->name != NULL; spec++)
	{
		char argument[100] = "  --";

		for (size_t i = 0; spec->name[i] != '\0'; i++)
			argument[i + 4] = strchr("._", spec->name[i]) != NULL ? '-' : spec->name[i];
		argument[strlen(spec->name) + 4] = ' ';
		expect_in(text, argument);
	}
	expect_in(text, "  --log-level debug|info|warning|error\n"
					"          Least level that is written.\n"
					"          (one of debug, info, warning, error; default: info; reloadable)\n");
	expect_in(text, "(a size (B, kB, MB, GB, TB) from 1kB to 1GB; default: 16MB)");
	expect_in(text, "(a whole number from -1 to 100; default: -1)");
	expect_in(text, "; no default)");
	expect_in(text, "  --kafka-PROPERTY TEXT\n");
	expect_in(text, "OUTBOX_SAMPLE_A_B");
	lines_are_short(text);
	free(text);
}

/* Options of a group stand together, wherever they are in the table. */
static void
help_keeps_groups_together(void **state)
{
	char *text = printed_table(options_print_help);
	const char *slot = strstr(text, "--postgres-slot");
	const char *late = strstr(text, "--postgres-late");
	const char *next = strstr(text, "--kafka-client-id");

	(void) state;
	assert_true(slot != NULL && late != NULL && next != NULL);
	assert_true(slot < late && late < next);
	free(text);
}

static void
load_text(Options *options, const char *text)
{
	char path[] = "/tmp/outbox-sample-XXXXXX";
	int fd = mkstemp(path);
	bool ok;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	ok = options_load_file(options, path, &error);
	unlink(path);
	if (!ok)
		fail_msg("%s\n%s", error.message, text);
}

/* The sample loads as it is; with its settings taken in, every option has its default from it. */
static void
the_sample_is_a_file_of_the_defaults(void **state)
{
	char *text = printed_table(options_print_sample);
	char *active = calloc(1, strlen(text) + 1);
	Options *options = options_create(&sample_table);
	Options *defaults = options_create(&sample_table);
	size_t len = 0;

	(void) state;
	lines_are_short(text);
	load_text(options, text);

	/* "#key = value" is a setting, "# text" a remark. */
	for (const char *line = text; *line != '\0';)
	{
		size_t line_len = strcspn(line, "\n") + 1;
		bool setting = line[0] == '#' && line[1] != ' ' && line[1] != '[';
		bool no_default =
			setting && line[line_len - 2] == '=' && strncmp(line, "#conninfo", 9) != 0;

		if (!no_default)
		{
			memcpy(active + len, line + setting, line_len - setting);
			len += line_len - setting;
		}
		line += line_len;
	}
	load_text(options, active);
	for (const OptionSpec *spec = sample_specs; spec->name != NULL; spec++)
	{
		if (spec->default_value == NULL)
		{
			assert_null(options_text(options, spec->name));
			continue;
		}
		assert_memory_equal(options_origin(options, spec->name), "file ", 5);
		assert_string_equal(options_text(options, spec->name), options_text(defaults, spec->name));
		assert_true(options_int(options, spec->name) == options_int(defaults, spec->name));
	}
	expect_in(text, "#[handler NAME]");
	options_free(options);
	options_free(defaults);
	free(active);
	free(text);
}

static void
the_reference_has_a_row_for_each(void **state)
{
	char *text = printed_table(options_print_markdown);
	size_t rows = 0;

	(void) state;
	for (const OptionSpec *spec = sample_specs; spec->name != NULL; spec++)
	{
		char cell[100];

		snprintf(cell, sizeof(cell), "\n| `%s` | ", spec->name);
		expect_in(text, cell);
	}
	for (const char *c = text; *c != '\0'; c++)
		rows += *c == '\n';
	assert_int_equal(rows, LENGTH(sample_specs) - 1 + 3);
	expect_in(text,
			  "| `topics.create` | on or off | `on` | yes | Make topics that are missing. |\n");
	expect_in(text, "| `postgres.conninfo` | text | empty | restart |");
	expect_in(text, "| `http.password` | text | none | restart |");
	expect_in(text, "| `kafka.<property>` |");
	free(text);
}

static void
set(Options *options, const char *name, const char *value)
{
	if (!options_set(options, name, value, "test", &error))
		fail_msg("%s", error.message);
}

static void
settings_have_origins_and_no_secrets(void **state)
{
	static const char *const hidden[] = {
		"kafka.sasl.password",		   "kafka.ssl.key.password",
		"kafka.ssl.key.pem",		   "kafka.ssl.ca.pem",
		"kafka.ssl.keystore.password", "kafka.sasl.oauthbearer.client.secret",
		"kafka.SSL.KEY.PEM",		   "kafka.sasl.jaas.config",
	};
	Options *options = options_create(&sample_table);
	char *text;

	(void) state;
	for (size_t i = 0; i < LENGTH(hidden); i++)
		set(options, hidden[i], "hunter2");
	set(options, "http.password", "hunter2");
	set(options, "secret.number", "7");
	set(options, "postgres.conninfo", "host=db password=hunter2 user=u");
	set(options, "kafka.linger.ms", "5");
	load_text(options, "[handler a]\nsql = one\n two\npassword = hunter2\n[handler b]\nsql = x\n");
	text = printed_config(options);
	assert_null(strstr(text, "hunter2"));
	expect_in(text, "postgres.slot = pg_outbox  # default\n");
	expect_in(text, "postgres.conninfo = host=db password=******** user=u  # test\n");
	expect_in(text, "http.password = ********  # test\n");
	expect_in(text, "secret.number = ********  # test\n");
	expect_in(text, "# poison.policy is not set\n");
	expect_in(text, "kafka.linger.ms = 5  # test\n");
	expect_in(text, "kafka.sasl.password = ********  # test\n");
	expect_in(text, "\n[handler a]\nsql = one\n    two  # file ");
	expect_in(text, "\n[handler b]\nsql = x  # file ");
	free(text);
	options_free(options);
}

typedef struct MaskCase
{
	const char *conninfo;
	const char *masked;
} MaskCase;

static void
connection_strings_lose_their_passwords(void **state)
{
	static const MaskCase cases[] = {
		{"", ""},
		{"dbname", "dbname"},
		{"host=a user=b", "host=a user=b"},
		{"password=x", "password=********"},
		{"host=a password=x user=b", "host=a password=******** user=b"},
		{"host=a PASSWORD=x", "host=a PASSWORD=********"},
		{"  password = x  host=a ", "  password = ********  host=a "},
		{"password='a b' host=c", "password=******** host=c"},
		{"password='a\\'b c' host=d", "password=******** host=d"},
		{"password=a\\ b host=c", "password=******** host=c"},
		{"password='never closed host=a", "password=********"},
		{"password= host=a", "password= ********"}, /* libpq takes "host=a" for the value */
		{"sslpassword=x sslkey=/path passfile=/p", "sslpassword=******** sslkey=/path passfile=/p"},
		{"scram_client_key=x oauth_client_secret=y",
		 "scram_client_key=******** oauth_client_secret=********"},
		{"host=a password=x y", "host=a password=******** ********"},
		{"host=a\npassword=x\nuser=b", "host=a\npassword=********\nuser=b"},
		{"postgresql://", "postgresql://"},
		{"postgresql://h/db", "postgresql://h/db"},
		{"postgresql://h:5432,i:5433/db?application_name=x",
		 "postgresql://h:5432,i:5433/db?application_name=x"},
		{"postgresql://u@h/db", "postgresql://u@h/db"},
		{"postgresql://u:p@h/db", "postgresql://u:********@h/db"},
		{"postgres://u:p@h,i/db?a=b", "postgres://u:********@h,i/db?a=b"},
		{"postgresql://u:p%40q@h", "postgresql://u:********@h"},
		{"postgresql://u:p@q@h", "postgresql://u:********@h"},
		{"postgresql://u:p/q@h/db", "postgresql://u:********@h/db"},
		{"postgresql://u:p?q@h/db?a=b", "postgresql://u:********@h/db?a=b"},
		{"postgresql:///db?host=/tmp&password=x&user=y",
		 "postgresql:///db?host=/tmp&password=********&user=y"},
		{"postgresql://h?sslpassword=x", "postgresql://h?sslpassword=********"},
		{"postgresql://u:p@h?password=x&a", "postgresql://u:********@h?password=********&a"},
		/* An at sign of a parameter isn't the end of what is hidden. */
		{"postgresql://h:5432/db?user=u@realm&password=x",
		 "postgresql://h:********@realm&password=********"},
		{"postgresql://u:p?q@h/db?user=a@b&password=x",
		 "postgresql://u:********@b&password=********"},
		{"postgresql://h?p%61ssword=x&user=y", "postgresql://h?p%61ssword=********&user=y"},
		{"host=h\vpassword=x\fuser=y", "host=h\vpassword=********\fuser=y"},
	};
	Buffer out;

	(void) state;
	buffer_init(&out, 1000);
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		buffer_reset(&out);
		options_mask_conninfo(&out, cases[i].conninfo);
		assert_string_equal(out.data, cases[i].masked);
	}
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_has_every_option),
		cmocka_unit_test(help_keeps_groups_together),
		cmocka_unit_test(the_sample_is_a_file_of_the_defaults),
		cmocka_unit_test(the_reference_has_a_row_for_each),
		cmocka_unit_test(settings_have_origins_and_no_secrets),
		cmocka_unit_test(connection_strings_lose_their_passwords),
	};

	return cmocka_run_group_tests_name("options_print", tests, NULL, NULL);
}
