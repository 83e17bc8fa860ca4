/*
 * test_process.c
 *	  process_*: what this very process is known to have.
 */
#include "unit.h"

#include <fcntl.h>
#include <time.h>

#include "process.h"

/* The value of a sample; the test fails when there is none. */
static double
value_of(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = text; line != NULL && *line != '\0';)
	{
		const char *end = strchr(line, '\n');

		if (strncmp(line, name, len) == 0 && line[len] == ' ')
			return strtod(line + len, NULL);
		line = end != NULL ? end + 1 : NULL;
	}
	fail_msg("%s has no sample", name);
	return 0;
}

static double
ask(const char *name)
{
	Buffer out;
	double value;

	buffer_init(&out, 100000);
	process_metrics_write(&out);
	assert_false(out.failed);
	value = value_of(out.data, name);
	buffer_free(&out);
	return value;
}

static void
every_row_has_a_sample(void **state)
{
	Buffer out;

	(void) state;
	buffer_init(&out, 100000);
	process_metrics_write(&out);
	for (const MetricSpec *spec = process_metrics; spec->name != NULL; spec++)
		(void) value_of(out.data, spec->name);
	buffer_free(&out);
}

static void
counts_descriptors(void **state)
{
	double before = ask("process_open_fds");
	int fd = open("/dev/null", O_RDONLY);

	(void) state;
	assert_true(fd >= 0);
	assert_true(ask("process_open_fds") == before + 1);
	close(fd);
	assert_true(ask("process_open_fds") == before);
	assert_true(ask("process_max_fds") > before);
}

static void
knows_memory_and_time(void **state)
{
	const size_t size = (size_t) 64 << 20;
	double before = ask("process_resident_memory_bytes");
	double cpu = ask("process_cpu_seconds_total");
	char *memory = malloc(size);
	unsigned sum = 0;

	(void) state;
	assert_non_null(memory);
	for (int i = 0; i < 20; i++)
	{
		memset(memory, i, size);
		sum += (unsigned char) memory[size / 2];
	}
	assert_int_equal(sum, 190);
	assert_true(ask("process_resident_memory_bytes") >= before + (double) size / 2);
	assert_true(ask("process_virtual_memory_bytes") >= ask("process_resident_memory_bytes"));
	assert_true(ask("process_cpu_seconds_total") > cpu);
	free(memory);
}

static void
began_not_long_ago(void **state)
{
	double start = ask("process_start_time_seconds");
	double now = (double) time(NULL);

	(void) state;
	/* The boot time has whole seconds. */
	assert_true(start > now - 600 && start < now + 2);
	assert_true(ask("process_start_time_seconds") == start);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_a_sample),
		cmocka_unit_test(counts_descriptors),
		cmocka_unit_test(knows_memory_and_time),
		cmocka_unit_test(began_not_long_ago),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
