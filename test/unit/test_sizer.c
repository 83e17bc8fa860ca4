/*
 * test_sizer.c
 *	  Transactions grow and shrink, and one bad record is found.
 */
#include "unit.h"

#include "random.h"
#include "sizer.h"

#define TARGET 200000

static void
quick_full_transactions_make_it_grow(void **state)
{
	Sizer sizer;
	size_t last = 0;

	(void) state;
	sizer_init(&sizer, 5000, TARGET);
	for (int i = 0; i < 10; i++)
	{
		size_t next = sizer_next(&sizer, 1000000, 0);

		assert_true(next >= last && next <= 5000);
		sizer_succeeded(&sizer, next, 1000);
		last = next;
	}
	assert_int_equal(last, 5000);
	/* One that had little to do says nothing. */
	sizer_init(&sizer, 5000, TARGET);
	last = sizer.size;
	sizer_succeeded(&sizer, 3, 1000);
	assert_int_equal(sizer.size, last);
}

static void
slow_ones_make_it_shrink_to_one(void **state)
{
	Sizer sizer;

	(void) state;
	sizer_init(&sizer, 5000, TARGET);
	for (int i = 0; i < 20; i++)
		sizer_succeeded(&sizer, sizer_next(&sizer, 10000, 0), 2 * TARGET);
	assert_int_equal(sizer.size, 1);
	sizer_init(&sizer, 5000, TARGET);
	for (int i = 0; i < 20; i++)
		sizer_timed_out(&sizer);
	assert_int_equal(sizer.size, 1);
}

static void
limits_hold(void **state)
{
	Sizer sizer;

	(void) state;
	sizer_init(&sizer, 100, TARGET);
	assert_int_equal(sizer_next(&sizer, 1000, 0), 100);
	assert_int_equal(sizer_next(&sizer, 7, 0), 7);
	assert_int_equal(sizer_next(&sizer, 1000, 10), 10);
	assert_int_equal(sizer_next(&sizer, 3, 10), 3);
}

/* Records from 0 on; those in "bad" can't be applied.  Returns the first that was found. */
static size_t
search(size_t count, size_t bad, size_t probe, int *transactions)
{
	Sizer sizer;
	size_t head = 0;

	sizer_init(&sizer, count, TARGET);
	for (*transactions = 1; *transactions < 100; ++*transactions)
	{
		size_t next = sizer_next(&sizer, count - head, probe);

		assert_true(next >= 1 && head + next <= count);
		if (bad >= head && bad < head + next)
		{
			if (sizer_data_error(&sizer, next))
				return head;
			continue;
		}
		head += next;
		sizer_succeeded(&sizer, next, 1000);
		if (head == count)
			return count;
	}
	fail();
	return 0;
}

static void
one_bad_record_is_found(void **state)
{
	Random random;
	int transactions;

	(void) state;
	random_seed(&random, 1);
	for (size_t bad = 0; bad < 100; bad++)
		assert_int_equal(search(100, bad, 0, &transactions), bad);
	for (int i = 0; i < 500; i++)
	{
		size_t count = 1 + (size_t) random_below(&random, 200);
		size_t bad = (size_t) random_below(&random, count);

		assert_int_equal(search(count, bad, 0, &transactions), bad);
		assert_true(transactions <= 2 * 9);
		assert_int_equal(search(count, bad, 10, &transactions), bad);
	}
	assert_int_equal(search(100, 100, 0, &transactions), 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quick_full_transactions_make_it_grow),
		cmocka_unit_test(slow_ones_make_it_shrink_to_one),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(one_bad_record_is_found),
	};

	return cmocka_run_group_tests_name("sizer", tests, NULL, NULL);
}
