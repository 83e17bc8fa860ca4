/*
 * test_load_schedule.c
 *	  The load's shape: arrival times, percentiles, request ids, modes, and what an
 *	  answer means.
 */
#include "unit.h"

#include "clock.h"
#include "mode.h"
#include "percentile.h"
#include "request_id.h"
#include "schedule.h"

static const LoadShape constant = {.form = LOAD_CONSTANT};

static void
rate_is_exact_in_every_second(void **state)
{
	static const uint32_t rates[] = {1, 3, 50, 333, 5000};

	(void) state;
	for (size_t i = 0; i < LENGTH(rates); i++)
	{
		Schedule schedule;
		uint32_t seen[10] = {0};
		int64_t before = -1;

		assert_true(schedule_init(&schedule, &constant, rates[i], 10 * USEC_PER_SEC, 11));
		assert_int_equal(schedule_count(&schedule), 10 * rates[i]);
		for (uint32_t n = 0; n < schedule_count(&schedule); n++)
		{
			int64_t at = schedule_at(&schedule, n);

			assert_true(at > before);
			assert_true(at < 10 * USEC_PER_SEC);
			seen[at / USEC_PER_SEC]++;
			before = at;
		}
		for (size_t second = 0; second < LENGTH(seen); second++)
			assert_int_equal(seen[second], rates[i]);
		schedule_free(&schedule);
	}
}

static void
seed_decides(void **state)
{
	Schedule one;
	Schedule same;
	Schedule two;
	int different = 0;

	(void) state;
	assert_true(schedule_init(&one, &constant, 50, 20 * USEC_PER_SEC, 1));
	assert_true(schedule_init(&same, &constant, 50, 20 * USEC_PER_SEC, 1));
	assert_true(schedule_init(&two, &constant, 50, 20 * USEC_PER_SEC, 2));
	for (uint32_t n = 0; n < 1000; n++)
	{
		assert_int_equal(schedule_at(&one, n), schedule_at(&same, n));
		if (schedule_at(&one, n) != schedule_at(&two, n))
			different++;
	}
	assert_true(different > 990);
	schedule_free(&one);
	schedule_free(&same);
	schedule_free(&two);
}

static void
arrivals_do_not_march(void **state)
{
	Schedule schedule;
	int64_t least = USEC_PER_SEC;
	int64_t most = 0;

	(void) state;
	assert_true(schedule_init(&schedule, &constant, 100, 50 * USEC_PER_SEC, 3));
	for (uint32_t n = 1; n < 5000; n++)
	{
		int64_t gap = schedule_at(&schedule, n) - schedule_at(&schedule, n - 1);

		least = gap < least ? gap : least;
		most = gap > most ? gap : most;
	}
	assert_true(least < 1000);
	assert_true(most > 18000 && most < 20000);
	schedule_free(&schedule);
}

/* How many requests start in each of the seconds. */
static void
count_seconds(const LoadShape *shape, uint32_t rate, uint32_t *seen, size_t seconds)
{
	Schedule schedule;
	int64_t before = -1;

	memset(seen, 0, seconds * sizeof(*seen));
	assert_true(schedule_init(&schedule, shape, rate, (int64_t) seconds * USEC_PER_SEC, 4));
	for (uint32_t n = 0; n < schedule_count(&schedule); n++)
	{
		int64_t at = schedule_at(&schedule, n);

		assert_true(at >= before && at < (int64_t) seconds * USEC_PER_SEC);
		before = at;
		seen[at / USEC_PER_SEC]++;
	}
	schedule_free(&schedule);
}

static void
bursts(void **state)
{
	static const LoadShape shape = {.form = LOAD_BURSTS,
									.factor = 4,
									.period_usec = 5 * USEC_PER_SEC,
									.width_usec = USEC_PER_SEC};
	uint32_t seen[12];

	(void) state;
	count_seconds(&shape, 50, seen, LENGTH(seen));
	for (size_t second = 0; second < LENGTH(seen); second++)
		assert_int_equal(seen[second], second % 5 == 4 ? 200 : 50);
}

static void
rush_hour(void **state)
{
	static const LoadShape shape = {.form = LOAD_RUSH_HOUR, .factor = 3};
	uint32_t seen[20];

	(void) state;
	count_seconds(&shape, 60, seen, LENGTH(seen));
	assert_int_equal(seen[0], 60);
	assert_int_equal(seen[5], 60);
	assert_int_equal(seen[7], 120);
	assert_int_equal(seen[9], 180);
	assert_int_equal(seen[10], 180);
	assert_int_equal(seen[12], 120);
	assert_int_equal(seen[14], 60);
	assert_int_equal(seen[19], 60);
}

static void
ramp(void **state)
{
	static const LoadShape up = {.form = LOAD_RAMP, .from = 10, .to = 210};
	static const LoadShape down = {.form = LOAD_RAMP, .from = 210, .to = 10};
	uint32_t seen[10];

	(void) state;
	count_seconds(&up, 0, seen, LENGTH(seen));
	for (uint32_t second = 0; second < LENGTH(seen); second++)
		assert_in_range(seen[second], 19 + 20 * second, 21 + 20 * second);
	count_seconds(&down, 0, seen, LENGTH(seen));
	for (uint32_t second = 0; second < LENGTH(seen); second++)
		assert_in_range(seen[second], 199 - 20 * second, 201 - 20 * second);
}

static void
percentiles_by_nearest_rank(void **state)
{
	int64_t samples[] = {50, 15, 40, 20, 35};
	int64_t hundred[100];

	(void) state;
	percentile_sort(samples, LENGTH(samples));
	assert_int_equal(percentile_of(samples, 5, 0), 15);
	assert_int_equal(percentile_of(samples, 5, 5), 15);
	assert_int_equal(percentile_of(samples, 5, 30), 20);
	assert_int_equal(percentile_of(samples, 5, 40), 20);
	assert_int_equal(percentile_of(samples, 5, 50), 35);
	assert_int_equal(percentile_of(samples, 5, 100), 50);
	assert_int_equal(percentile_of(samples, 0, 50), 0);
	assert_int_equal(percentile_of(samples, 1, 99), 15);

	for (size_t i = 0; i < LENGTH(hundred); i++)
		hundred[i] = (int64_t) (LENGTH(hundred) - i);
	percentile_sort(hundred, LENGTH(hundred));
	assert_int_equal(percentile_of(hundred, 100, 50), 50);
	assert_int_equal(percentile_of(hundred, 100, 99), 99);
	assert_int_equal(percentile_of(hundred, 100, 99.5), 100);
}

static void
request_ids_can_be_read(void **state)
{
	static const uint32_t numbers[] = {0, 1, 255, 65536, UINT32_MAX};

	(void) state;
	for (size_t i = 0; i < LENGTH(numbers); i++)
	{
		for (int mode = 0; mode < MODE_COUNT; mode++)
		{
			uint8_t id[UUID_SIZE];
			char text[UUID_TEXT_SIZE];
			uint32_t run;
			uint32_t number;
			Mode read;

			request_id_make(42, 7, (Mode) mode, numbers[i], id);
			uuid_format(id, text);
			assert_int_equal(text[14], '8'); /* the version */
			assert_true(request_id_read(id, 42, &run, &read, &number));
			assert_int_equal(run, 7);
			assert_int_equal(number, numbers[i]);
			assert_int_equal(read, mode);
			assert_false(request_id_read(id, 43, &run, &read, &number));
		}
	}
}

static void
foreign_ids_are_refused(void **state)
{
	uint8_t id[UUID_SIZE];
	uint32_t run;
	uint32_t number;
	Mode mode;

	(void) state;
	for (size_t i = 0; i < 12; i++)
	{
		request_id_make(1, 2, MODE_OUTBOX, 5, id);
		id[i] ^= 0x40;
		if (i == 9 || i == 10)
		{
			/* That is another run. */
			assert_true(request_id_read(id, 1, &run, &mode, &number));
			assert_int_not_equal(run, 2);
			continue;
		}
		assert_false(request_id_read(id, 1, &run, &mode, &number));
	}
}

static void
modes_by_name(void **state)
{
	bool present[MODE_COUNT];
	Mode mode;

	(void) state;
	assert_true(mode_parse("outbox", 6, &mode));
	assert_int_equal(mode, MODE_OUTBOX);
	assert_false(mode_parse("outbo", 5, &mode));
	assert_false(mode_parse("", 0, &mode));
	assert_true(mode_parse_list("outbox,direct", present));
	assert_true(present[MODE_DIRECT] && present[MODE_OUTBOX]);
	assert_true(mode_parse_list("direct", present));
	assert_true(present[MODE_DIRECT] && !present[MODE_OUTBOX]);
	assert_false(mode_parse_list("", present));
	assert_false(mode_parse_list("direct,", present));
	assert_false(mode_parse_list("direct,direct", present));
	assert_false(mode_parse_list("direct;outbox", present));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_is_exact_in_every_second),
		cmocka_unit_test(seed_decides),
		cmocka_unit_test(arrivals_do_not_march),
		cmocka_unit_test(bursts),
		cmocka_unit_test(rush_hour),
		cmocka_unit_test(ramp),
		cmocka_unit_test(percentiles_by_nearest_rank),
		cmocka_unit_test(request_ids_can_be_read),
		cmocka_unit_test(foreign_ids_are_refused),
		cmocka_unit_test(modes_by_name),
	};

	return cmocka_run_group_tests_name("load_schedule", tests, NULL, NULL);
}
