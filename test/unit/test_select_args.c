/*
 * test_select_args.c
 *	  The arguments that select rows of outbox.event.
 */
#include "unit.h"

#include "exit_codes.h"
#include "select_args.h"

#define ID1 "01890000-0000-7000-8000-000000000001"
#define ID2 "01890000-0000-7000-8000-00000000000A"

/* All of the arguments, then the end; the result of the first that isn't taken. */
static ArgResult
take(SelectArgs *args, int argc, char **argv, Error *error)
{
	ArgCursor cursor = {argc, argv, 0};

	*args = (SelectArgs){0};
	error_clear(error);
	for (; cursor.index < argc; cursor.index++)
	{
		ArgResult result = select_take_argument(&cursor, args, error);

		if (result != ARG_TAKEN)
			return result;
	}
	return select_finish(args, error) ? ARG_TAKEN : ARG_WRONG;
}

static void
takes_what_goes_together(void **state)
{
	char *argv[] = {"--since", "yesterday", "--until=now",			"--id=" ID1 "," ID2,
					"--id",	   ID1,			"--aggregate=order/a/b"};
	SelectArgs args;
	Error error;

	(void) state;
	assert_int_equal(take(&args, LENGTH(argv), argv, &error), ARG_TAKEN);
	assert_string_equal(args.since, "yesterday");
	assert_string_equal(args.until, "now");
	assert_string_equal(args.ids.data, "{" ID1 "," ID2 "," ID1 "}");
	assert_string_equal(args.aggregate_type, "order");
	assert_string_equal(args.aggregate_id, "a/b");
	select_args_free(&args);
}

static void
an_aggregate_type_goes_alone(void **state)
{
	char *argv[] = {"--aggregate", "order"};
	char *empty_id[] = {"--aggregate=order/"};
	SelectArgs args;
	Error error;

	(void) state;
	assert_int_equal(take(&args, LENGTH(argv), argv, &error), ARG_TAKEN);
	assert_string_equal(args.aggregate_type, "order");
	assert_null(args.aggregate_id);
	assert_int_equal(take(&args, LENGTH(empty_id), empty_id, &error), ARG_TAKEN);
	assert_string_equal(args.aggregate_id, "");
}

static void
refuses_what_selects_nothing(void **state)
{
	static char *const wrong[][2] = {
		{"--id=x", NULL},		 {"--id=" ID1 ",", NULL},  {"--id=," ID1, NULL},
		{"--id=" ID1 "}", NULL}, {"--id=", NULL},		   {"--aggregate=/x", NULL},
		{"--since", NULL},		 {"--gap", "--until=now"}, {"--gap", "--id=" ID1}};
	SelectArgs args;
	Error error;

	(void) state;
	assert_int_equal(take(&args, 0, NULL, &error), ARG_WRONG);
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	for (size_t i = 0; i < LENGTH(wrong); i++)
	{
		char *argv[] = {wrong[i][0], wrong[i][1]};

		assert_int_equal(take(&args, argv[1] != NULL ? 2 : 1, argv, &error), ARG_WRONG);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		select_args_free(&args);
	}
}

static void
knows_its_own_arguments(void **state)
{
	char *other[] = {"--dry-run"};
	char *gap[] = {"--gap"};
	SelectArgs args;
	Error error;

	(void) state;
	assert_int_equal(take(&args, 1, other, &error), ARG_UNKNOWN);
	assert_int_equal(take(&args, 1, gap, &error), ARG_TAKEN);
	assert_true(args.gap);
}

static void
too_much_is_refused(void **state)
{
	static char type[300] = "--aggregate=";
	size_t len = strlen("--id=");
	char *ids = malloc((size_t) 17 << 20);
	char *of_type[] = {type};
	char *of_ids[] = {ids};
	SelectArgs args;
	Error error;

	(void) state;
	assert_non_null(ids);
	memset(type + strlen(type), 'x', TOPIC_NAME_MAX + 1);
	assert_int_equal(take(&args, 1, of_type, &error), ARG_WRONG);
	select_args_free(&args);
	type[strlen("--aggregate=") + TOPIC_NAME_MAX] = '\0';
	assert_int_equal(take(&args, 1, of_type, &error), ARG_TAKEN);
	select_args_free(&args);
	memcpy(ids, "--id=", len);
	while (len < (size_t) 17 << 20 && len + sizeof(ID1) < (size_t) 17 << 20)
	{
		memcpy(ids + len, ID1 ",", sizeof(ID1));
		len += sizeof(ID1);
	}
	ids[len - 1] = '\0';
	assert_int_equal(take(&args, 1, of_ids, &error), ARG_WRONG);
	assert_non_null(strstr(error.message, "too many ids"));
	select_args_free(&args);
	free(ids);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(takes_what_goes_together),
		cmocka_unit_test(an_aggregate_type_goes_alone),
		cmocka_unit_test(refuses_what_selects_nothing),
		cmocka_unit_test(knows_its_own_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
