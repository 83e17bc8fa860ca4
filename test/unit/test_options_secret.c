/*
 * test_options_secret.c
 *	  Secrets in files of their own: where they come from, what is refused, who sees them.
 */
#include "unit.h"

#include <sys/stat.h>

#include "exit_codes.h"
#include "options.h"

static const OptionSpec specs[] = {
	{"postgres.conninfo", OPTION_TEXT, "", 0, 0, NULL, "", OPTION_CONNINFO, "Where."},
	{"postgres.password", OPTION_TEXT, NULL, 0, 0, NULL, "", OPTION_SECRET, "What only we know."},
	{"postgres.slot", OPTION_TEXT, "slot", 0, 0, NULL, "", 0, "No secret."},
	{"secret.number", OPTION_INT, NULL, 0, 9, NULL, "", OPTION_SECRET, "A number."},
	{NULL, OPTION_TEXT, NULL, 0, 0, NULL, NULL, 0, NULL},
};

static const OptionTable table = {"outbox-sample", "OUTBOX_SAMPLE", "kafka.", NULL, specs, false};

static Options *options;
static Error error;
static char directory[64];
static char secret[96];
static char other[96];
static char ini[96];
static char warnings[2000];

static int
setup(void **state)
{
	(void) state;
	snprintf(directory, sizeof(directory), "/tmp/outbox-secret-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(secret, sizeof(secret), "%s/secret", directory);
	snprintf(other, sizeof(other), "%s/other", directory);
	snprintf(ini, sizeof(ini), "%s/sample.ini", directory);
	options = options_create(&table);
	error_clear(&error);
	warnings[0] = '\0';
	return options != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void) state;
	options_free(options);
	unlink(secret);
	unlink(other);
	unlink(ini);
	return rmdir(directory);
}

static void
write_file(const char *path, const char *text, size_t len, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
put(const char *path, const char *text)
{
	write_file(path, text, strlen(text), 0600);
}

/* The variables are given without the prefix. */
static bool
load(const char *first, const char *second, const char *argument)
{
	static char variables[2][200];
	static char arguments[2][200];
	char *envp[] = {variables[0], variables[1], NULL};
	char *argv[] = {(char *) "program", arguments[0], NULL};
	int argc = argument != NULL ? 2 : 1;
	const char *path;

	snprintf(variables[0], sizeof(variables[0]), "OUTBOX_SAMPLE_%s", first);
	snprintf(variables[1], sizeof(variables[1]), "OUTBOX_SAMPLE_%s",
			 second != NULL ? second : "PORT=1");
	snprintf(arguments[0], sizeof(arguments[0]), "%s", argument != NULL ? argument : "");
	argv[argc] = NULL;
	return options_load(options, &argc, argv, envp, &path, &error);
}

static bool
load_variable(const char *name, const char *path)
{
	char variable[200];

	snprintf(variable, sizeof(variable), "%s=%s", name, path);
	return load(variable, NULL, NULL);
}

static void
add_warning(const char *text, void *arg)
{
	size_t used = strlen(warnings);

	(void) arg;
	snprintf(warnings + used, sizeof(warnings) - used, "%s\n", text);
}

static bool
find_property(const char *name, const char *value, const char *origin, void *arg, Error *ignored)
{
	const char **found = arg;

	(void) origin;
	(void) ignored;
	if (strcmp(name, "sasl.password") == 0)
		*found = value;
	return true;
}

static void
takes_a_secret_from_its_file(void **state)
{
	static const char *const texts[] = {"se same", "se same\n", "se same\r\n", "se same\n\n"};
	const char *found = NULL;

	(void) state;
	for (size_t i = 0; i < LENGTH(texts); i++)
	{
		put(secret, texts[i]);
		assert_true(load_variable("POSTGRES_PASSWORD_FILE", secret));
		assert_string_equal(options_text(options, "postgres.password"), "se same");
		assert_string_equal(options_conninfo(options, "postgres.conninfo"), " password='se same'");
		assert_true(load_variable("KAFKA_SASL_PASSWORD_FILE", secret));
		assert_true(options_each_passthrough(options, find_property, &found, &error));
		assert_string_equal(found, "se same");
	}
	options_warn(options, add_warning, NULL);
	assert_string_equal(warnings, "");
	put(secret, "7\n");
	assert_true(load_variable("SECRET_NUMBER_FILE", secret));
	assert_int_equal(options_int(options, "secret.number"), 7);
}

static void
takes_it_from_file_and_command_line(void **state)
{
	char text[300];
	char argument[200];

	(void) state;
	put(secret, "one");
	put(other, "two");
	snprintf(text, sizeof(text),
			 "[postgres]\npassword_file = %s\n[kafka]\nsasl.password_file = %s\n", secret, secret);
	put(ini, text);
	snprintf(argument, sizeof(argument), "--config=%s", ini);
	assert_true(load("PORT=1", NULL, argument));
	assert_string_equal(options_text(options, "postgres.password"), "one");

	snprintf(argument, sizeof(argument), "--postgres-password-file=%s", other);
	assert_true(load("POSTGRES_PASSWORD=three", NULL, argument));
	assert_string_equal(options_text(options, "postgres.password"), "two");
}

/* A file that a higher source replaced needn't be there. */
static void
a_replaced_file_is_not_read(void **state)
{
	char argument[200];

	(void) state;
	put(ini, "postgres.password_file = /no/such/file\n");
	snprintf(argument, sizeof(argument), "--config=%s", ini);
	assert_true(load("POSTGRES_PASSWORD=direct", NULL, argument));
	assert_string_equal(options_text(options, "postgres.password"), "direct");
}

static void
refused(const char *text)
{
	if (error.message[0] == '\0' || strstr(error.message, text) == NULL)
		fail_msg("\"%s\" isn't in \"%s\"", text, error.message);
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_null(strstr(error.message, "sesame"));
	assert_null(strstr(error.detail, "sesame"));
	error_clear(&error);
}

static void
refuses_bad_files(void **state)
{
	(void) state;
	assert_false(load_variable("POSTGRES_PASSWORD_FILE", "/no/such/file"));
	assert_non_null(strstr(error.message, "environment OUTBOX_SAMPLE_POSTGRES_PASSWORD_FILE: "));
	refused(
		"the file \"/no/such/file\" of \"postgres.password\" could not be opened: No such file");
	assert_false(load_variable("POSTGRES_PASSWORD_FILE", ""));
	refused("has no file name");
	assert_false(load_variable("POSTGRES_PASSWORD_FILE", directory));
	refused("could not be read: Is a directory");
	put(secret, "\n");
	assert_false(load_variable("POSTGRES_PASSWORD_FILE", secret));
	refused("is empty");
	put(secret, "sesame\nopen\n");
	assert_false(load_variable("POSTGRES_PASSWORD_FILE", secret));
	refused("has more than one line");
	write_file(secret, "sesame\0x", 8, 0600);
	assert_false(load_variable("POSTGRES_PASSWORD_FILE", secret));
	refused("has a zero byte");
	write_file(secret, "sesame", 6, 0602);
	assert_false(load_variable("POSTGRES_PASSWORD_FILE", secret));
	refused("may be written by everybody");
	put(secret, "sesame");
	assert_false(load_variable("SECRET_NUMBER_FILE", secret));
	refused("holds an invalid value");
}

static void
a_file_of_the_ini_is_refused_with_its_line(void **state)
{
	char argument[200];
	char text[300];

	(void) state;
	put(ini, "[kafka]\n\nsasl.password_file = /no/such/file\n");
	snprintf(argument, sizeof(argument), "--config=%s", ini);
	assert_false(load("PORT=1", NULL, argument));
	snprintf(text, sizeof(text), "%s:3: the file \"/no/such/file\" of \"kafka.sasl.password\"",
			 ini);
	refused(text);
}

static void
keys_have_many_lines(void **state)
{
	(void) state;
	put(secret, "-----BEGIN\nsesame\n-----END\n");
	assert_true(load_variable("KAFKA_SSL_KEY_PEM_FILE", secret));
	assert_true(load_variable("KAFKA_SASL_OAUTHBEARER_CONFIG_FILE", secret));
	assert_false(load_variable("KAFKA_SSL_KEY_PASSWORD_FILE", secret));
	refused("more than one line");
}

static void
both_are_refused(void **state)
{
	char variable[200];

	(void) state;
	put(secret, "sesame");
	snprintf(variable, sizeof(variable), "KAFKA_SASL_PASSWORD_FILE=%s", secret);
	assert_false(load(variable, "KAFKA_SASL_PASSWORD=sesame", NULL));
	refused("\"kafka.sasl.password\" and \"kafka.sasl.password_file\" are both set");
	options_free(options);
	options = options_create(&table);
	snprintf(variable, sizeof(variable), "POSTGRES_PASSWORD_FILE=%s", secret);
	assert_false(load(variable, "POSTGRES_CONNINFO=host=h password=sesame", NULL));
	refused("\"postgres.conninfo\" has a password, and \"postgres.password\" is set");
}

static void
only_secrets_have_files(void **state)
{
	(void) state;
	put(secret, "sesame");
	assert_false(load_variable("POSTGRES_SLOT_FILE", secret));
	refused("unrecognized environment variable \"OUTBOX_SAMPLE_POSTGRES_SLOT_FILE\"");
}

static void
joins_the_password(void **state)
{
	static const char *const joined[][2] = {
		{"", " password="},
		{"host=h", "host=h password="},
		{"app", "dbname='app' password="},
		{"postgresql://u@h/db", "postgresql://u@h/db?password="},
		{"postgres://u@h/db?sslmode=require", "postgres://u@h/db?sslmode=require&password="},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(joined); i++)
	{
		bool uri = strstr(joined[i][0], "://") != NULL;
		char expected[200];
		char variable[200];

		snprintf(variable, sizeof(variable), "POSTGRES_CONNINFO=%s", joined[i][0]);
		assert_true(load(variable, "POSTGRES_PASSWORD=a'b\\c &%", NULL));
		snprintf(expected, sizeof(expected), "%s%s", joined[i][1],
				 uri ? "a%27b%5Cc%20%26%25" : "'a\\'b\\\\c &%'");
		assert_string_equal(options_conninfo(options, "postgres.conninfo"), expected);
		/* What is shown is as it was. */
		assert_string_equal(options_text(options, "postgres.conninfo"), joined[i][0]);
	}
}

static void
warns_of_what_everybody_may_read(void **state)
{
	char argument[200];

	(void) state;
	write_file(secret, "sesame", 6, 0644);
	assert_true(load_variable("KAFKA_SASL_PASSWORD_FILE", secret));
	options_warn(options, add_warning, NULL);
	assert_non_null(
		strstr(warnings, "/secret\" of \"kafka.sasl.password\" may be read by everybody"));

	warnings[0] = '\0';
	options_free(options);
	options = options_create(&table);
	write_file(ini, "postgres.conninfo = host=h\n", 27, 0644);
	snprintf(argument, sizeof(argument), "--config=%s", ini);
	assert_true(load("PORT=1", NULL, argument));
	options_warn(options, add_warning, NULL);
	assert_string_equal(warnings, "");
	options_free(options);
	options = options_create(&table);
	write_file(ini, "postgres.conninfo = host=h password=sesame\n", 43, 0644);
	assert_true(load("PORT=1", NULL, argument));
	options_warn(options, add_warning, NULL);
	assert_non_null(strstr(warnings, "sample.ini\" holds \"postgres.conninfo\""));
	assert_null(strstr(warnings, "sesame"));
}

static void
nobody_sees_one(void **state)
{
	static char arguments[][60] = {"program",
								   "--postgres-password=sesame",
								   "--kafka-sasl-password",
								   "sesame",
								   "--kafka-ssl-ca-location",
								   "/ca.pem",
								   "--postgres-slot=shown"};
	char *argv[LENGTH(arguments) + 1];
	char *empty[] = {NULL};
	int argc = LENGTH(arguments);
	char *printed = NULL;
	size_t size = 0;
	const char *path;
	FILE *out;

	(void) state;
	for (size_t i = 0; i < LENGTH(arguments); i++)
		argv[i] = arguments[i];
	argv[argc] = NULL;
	assert_true(options_load(options, &argc, argv, empty, &path, &error));
	assert_string_equal(options_text(options, "postgres.password"), "sesame");
	assert_string_equal(arguments[1], "--postgres-password=******");
	assert_string_equal(arguments[3], "******");
	assert_string_equal(arguments[5], "/ca.pem");
	assert_string_equal(arguments[6], "--postgres-slot=shown");

	put(secret, "sesame");
	assert_true(load_variable("KAFKA_SASL_USERNAME_FILE", secret));
	out = open_memstream(&printed, &size);
	assert_non_null(out);
	options_print_config(options, out);
	assert_int_equal(fclose(out), 0);
	assert_null(strstr(printed, "sesame"));
	assert_non_null(strstr(printed, "kafka.ssl.ca.location = /ca.pem"));
	assert_non_null(strstr(printed, "KAFKA_SASL_USERNAME_FILE: from /tmp/outbox-secret"));
	free(printed);
}

static void
complaints_hide_what_is_quoted(void **state)
{
	Buffer out;

	(void) state;
	buffer_init(&out, 1000);
	options_conninfo_complaint(&out, "host=h password=open sesame",
							   "missing \"=\" after \"sesame\" in string\nmore\n");
	assert_string_equal(out.data, "missing \"********\" after \"********\" in string");
	buffer_reset(&out);
	options_conninfo_complaint(&out, "nonsense=1", "invalid connection option \"nonsense\"\n");
	assert_string_equal(out.data, "invalid connection option \"nonsense\"");
	buffer_free(&out);
}

static void
tells_uris_that_are_not_plain(void **state)
{
	static const char *const plain[] = {
		"",
		"app",
		"host=h password=a@b@c",
		"postgresql://",
		"postgresql:///d",
		"postgresql://h:1/d",
		"postgres://u:p%40x@h:1,[::1]:2,k/d?application_name=a@b@c",
		"postgresql://u@h?sslmode=require",
		"postgresql://%2Fvar%2Frun:5432/d",
	};
	static const char *const not_plain[] = {
		"postgresql://u:p@s@h/d", "postgresql://u:p/w@h/d", "postgresql://u:p@h:1x/d",
		"postgres://h:1,k:y/d",	  "postgres://[::1]:z",
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(plain); i++)
	{
		if (!options_conninfo_is_plain(plain[i]))
			fail_msg("refused %s", plain[i]);
	}
	for (size_t i = 0; i < LENGTH(not_plain); i++)
	{
		if (options_conninfo_is_plain(not_plain[i]))
			fail_msg("took %s", not_plain[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_a_secret_from_its_file, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_it_from_file_and_command_line, setup, teardown),
		cmocka_unit_test_setup_teardown(a_replaced_file_is_not_read, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_bad_files, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_of_the_ini_is_refused_with_its_line, setup,
										teardown),
		cmocka_unit_test_setup_teardown(keys_have_many_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(both_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(only_secrets_have_files, setup, teardown),
		cmocka_unit_test_setup_teardown(joins_the_password, setup, teardown),
		cmocka_unit_test_setup_teardown(warns_of_what_everybody_may_read, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_sees_one, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_uris_that_are_not_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(complaints_hide_what_is_quoted, setup, teardown),
	};

	return cmocka_run_group_tests_name("options_secret", tests, NULL, NULL);
}
