/*
 * test_doctor_report.c
 *	  The findings of doctor, for people and for machines.
 */
#include "unit.h"

#include "doctor.h"

#include <jansson.h>

static Finding
finding_of(const char *check, FindingSeverity severity, const char *found, RemedyPlace place,
		   const char *remedy)
{
	Finding finding;

	finding_begin(&finding, check);
	finding_set(&finding, severity, "%s", found);
	if (place != REMEDY_NONE)
		finding_mend(&finding, place, "%s", remedy);
	return finding;
}

/* What is written about three findings; the caller frees it. */
static char *
report(bool json, int *errors)
{
	Finding findings[] = {
		finding_of("one", FINDING_OK, "fine", REMEDY_NONE, ""),
		finding_of("two", FINDING_WARNING, "a \"quoted\" byte \xff", REMEDY_ADVICE, "think"),
		finding_of("three", FINDING_ERROR, "bad", REMEDY_RESTART, "wal_level = logical"),
	};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	DoctorReport *made;

	assert_non_null(out);
	made = doctor_report_create(json, out);
	assert_non_null(made);
	for (size_t i = 0; i < LENGTH(findings); i++)
		doctor_report_add(&findings[i], made);
	*errors = doctor_report_finish(made);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
writes_a_line_for_each_and_one_below_it(void **state)
{
	int errors;
	char *text = report(false, &errors);

	(void) state;
	assert_int_equal(errors, 1);
	assert_string_equal(text, "ok       one: fine\n"
							  "warning  two: a \"quoted\" byte \xff\n"
							  "         to do: think\n"
							  "error    three: bad\n"
							  "         postgresql.conf, then restart: wal_level = logical\n"
							  "1 error, 1 warning\n");
	free(text);
}

static void
writes_an_object_that_every_parser_takes(void **state)
{
	int errors;
	char *text = report(true, &errors);
	json_t *root = json_loads(text, 0, NULL);
	const char *check;
	const char *severity;
	const char *found;
	const char *where;
	const char *line;
	int count;
	int warnings;

	(void) state;
	assert_non_null(root);
	assert_int_equal(json_unpack(root, "{s:i, s:i}", "errors", &count, "warnings", &warnings), 0);
	assert_int_equal(errors, 1);
	assert_int_equal(count, 1);
	assert_int_equal(warnings, 1);
	assert_int_equal(json_array_size(json_object_get(root, "findings")), 3);
	assert_int_equal(json_unpack(json_array_get(json_object_get(root, "findings"), 1),
								 "{s:s, s:s, s:s, s:{s:s, s:s}}", "check", &check, "severity",
								 &severity, "found", &found, "remedy", "where", &where, "line",
								 &line),
					 0);
	assert_string_equal(check, "two");
	assert_string_equal(severity, "warning");
	assert_string_equal(found, "a \"quoted\" byte \xef\xbf\xbd");
	assert_string_equal(where, "advice");
	assert_string_equal(line, "think");
	assert_null(json_object_get(json_array_get(json_object_get(root, "findings"), 0), "remedy"));
	json_decref(root);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_line_for_each_and_one_below_it),
		cmocka_unit_test(writes_an_object_that_every_parser_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
