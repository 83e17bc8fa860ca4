/*
 * test_random.c
 *	  SplitMix64 against its published sequence, and the numbers made from it.
 */
#include "unit.h"

#include "random.h"

static void
gives_the_reference_sequence(void **state)
{
	/* Of the reference implementation, seed 1234567. */
	static const uint64_t expected[] = {
		UINT64_C(6457827717110365317),	UINT64_C(3203168211198807973),
		UINT64_C(9817491932198370423),	UINT64_C(4593380528125082431),
		UINT64_C(16408922859458223821),
	};
	Random random;

	(void) state;
	random_seed(&random, 1234567);
	for (size_t i = 0; i < LENGTH(expected); i++)
		assert_true(random_next(&random) == expected[i]);
}

static void
stays_below_the_bound(void **state)
{
	static const uint64_t bounds[] = {
		1, 2, 3, 10, UINT64_C(1) << 32, (UINT64_C(1) << 63) + 1, UINT64_MAX};
	Random random;

	(void) state;
	random_seed(&random, 1);
	for (size_t i = 0; i < LENGTH(bounds); i++)
	{
		for (int n = 0; n < 1000; n++)
			assert_true(random_below(&random, bounds[i]) < bounds[i]);
	}
}

static void
results_are_evenly_likely(void **state)
{
	int counts[7] = {0};
	Random random;

	(void) state;
	random_seed(&random, 42);
	for (int i = 0; i < 70000; i++)
		counts[random_below(&random, 7)]++;
	/* Four standard deviations of a binomial are 370; the seed is fixed. */
	for (int i = 0; i < 7; i++)
		assert_in_range(counts[i], 9600, 10400);
}

/* With a bound of 3/4 of the range, a plain remainder gives half of all results below 1/4. */
static void
large_bounds_are_not_biased(void **state)
{
	const uint64_t quarter = UINT64_C(1) << 62;
	int low = 0;
	Random random;

	(void) state;
	random_seed(&random, 43);
	for (int i = 0; i < 30000; i++)
		low += random_below(&random, 3 * quarter) < quarter;
	assert_in_range(low, 9500, 10500);
}

static void
units_are_below_one(void **state)
{
	double sum = 0;
	Random random;

	(void) state;
	random_seed(&random, 7);
	for (int i = 0; i < 100000; i++)
	{
		double x = random_unit(&random);

		assert_true(x >= 0 && x < 1);
		sum += x;
	}
	assert_true(sum > 49000 && sum < 51000);
}

static void
the_system_gives_different_seeds(void **state)
{
	(void) state;
	assert_true(random_seed_from_system() != random_seed_from_system());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_reference_sequence),
		cmocka_unit_test(stays_below_the_bound),
		cmocka_unit_test(results_are_evenly_likely),
		cmocka_unit_test(large_bounds_are_not_biased),
		cmocka_unit_test(units_are_below_one),
		cmocka_unit_test(the_system_gives_different_seeds),
	};

	return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
