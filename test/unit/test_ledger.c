/*
 * test_ledger.c
 *	  Each way that a request can end, alone and together.
 */
#include "unit.h"

#include "ledger.h"
#include "random.h"

static LedgerTotals
close_ledger(Ledger *ledger, bool quiet)
{
	LedgerTotals totals;

	ledger_close(ledger, quiet, &totals);
	ledger_free(ledger);
	return totals;
}

static void
clean_run(void **state)
{
	Ledger *ledger = ledger_create(3, 2);
	LedgerTotals totals;

	(void) state;
	for (uint32_t n = 0; n < 3; n++)
	{
		ledger_offer(ledger, n, OUTCOME_ACCEPTED);
		ledger_stored(ledger, n);
	}
	ledger_in_target(ledger, 1, 0, 1, 1);
	ledger_in_target(ledger, 0, 1, 1, 1);
	ledger_in_target(ledger, 2, 0, 2, 1);
	ledger_latest(ledger, 0, 2);
	ledger_latest(ledger, 1, 1);
	totals = close_ledger(ledger, true);
	assert_int_equal(totals.offered, 3);
	assert_int_equal(totals.accepted, 3);
	assert_int_equal(totals.durable, 3);
	assert_int_equal(totals.in_target, 3);
	assert_true(ledger_is_clean(&totals));
}

/* The same rows, before and after everything has come to rest. */
static void
pending_or_lost(void **state)
{
	(void) state;
	for (int quiet = 0; quiet <= 1; quiet++)
	{
		Ledger *ledger = ledger_create(2, 1);
		LedgerTotals totals;

		ledger_offer(ledger, 0, OUTCOME_ACCEPTED);
		ledger_stored(ledger, 0);
		ledger_offer(ledger, 1, OUTCOME_ACCEPTED); /* stored nowhere: lost in any case */
		totals = close_ledger(ledger, quiet == 1);
		assert_int_equal(totals.pending, quiet == 1 ? 0 : 1);
		assert_int_equal(totals.lost, quiet == 1 ? 2 : 1);
		assert_int_equal(totals.accepted_in_target, 0);
		assert_true(totals.closes);
		assert_false(ledger_is_clean(&totals));
	}
}

static void
unknown_may_be_stored(void **state)
{
	Ledger *ledger = ledger_create(3, 1);
	LedgerTotals totals;

	(void) state;
	ledger_offer(ledger, 0, OUTCOME_UNKNOWN);
	ledger_stored(ledger, 0);
	ledger_in_target(ledger, 0, 0, 1, 1);
	ledger_offer(ledger, 1, OUTCOME_UNKNOWN);
	ledger_offer(ledger, 2, OUTCOME_REJECTED);
	ledger_latest(ledger, 0, 1);
	totals = close_ledger(ledger, true);
	assert_int_equal(totals.unknown, 2);
	assert_int_equal(totals.unknown_stored, 1);
	assert_int_equal(totals.rejected, 1);
	assert_int_equal(totals.durable, 1);
	assert_int_equal(totals.in_target, 1);
	assert_int_equal(totals.accepted, 0);
	assert_int_equal(totals.lost, 0);
	assert_true(ledger_is_clean(&totals));
}

/* What was stored has to come, also when the client was told nothing. */
static void
unknown_may_be_missing(void **state)
{
	(void) state;
	for (int quiet = 0; quiet <= 1; quiet++)
	{
		Ledger *ledger = ledger_create(2, 1);
		LedgerTotals totals;

		ledger_offer(ledger, 0, OUTCOME_UNKNOWN);
		ledger_stored(ledger, 0);
		ledger_offer(ledger, 1, OUTCOME_UNKNOWN);
		totals = close_ledger(ledger, quiet == 1);
		assert_int_equal(totals.unknown_stored, 1);
		assert_int_equal(totals.unknown_missing, quiet);
		assert_int_equal(totals.lost, 0);
		assert_true(totals.closes);
		assert_int_equal(ledger_is_clean(&totals), quiet == 0);
	}
}

static void
first_row_is_the_visible_one(void **state)
{
	Ledger *ledger = ledger_create(2, 1);

	(void) state;
	ledger_in_target(ledger, 1, 0, 1, 77);
	ledger_in_target(ledger, 1, 0, 1, 99);
	assert_int_equal(ledger_visible_at(ledger, 0), 0);
	assert_int_equal(ledger_visible_at(ledger, 1), 77);
	assert_int_equal(ledger_visible_at(ledger, 2), 0);
	ledger_free(ledger);
}

static void
duplicates_are_no_order_violation(void **state)
{
	Ledger *ledger = ledger_create(2, 1);
	LedgerTotals totals;

	(void) state;
	for (uint32_t n = 0; n < 2; n++)
	{
		ledger_offer(ledger, n, OUTCOME_ACCEPTED);
		ledger_stored(ledger, n);
		ledger_in_target(ledger, n, 0, n + 1, 1);
	}
	ledger_in_target(ledger, 0, 0, 1, 1);
	ledger_in_target(ledger, 0, 0, 1, 1);
	ledger_latest(ledger, 0, 2);
	totals = close_ledger(ledger, true);
	assert_int_equal(totals.duplicates, 2);
	assert_int_equal(totals.in_target, 2);
	assert_int_equal(totals.order_violations, 0);
	assert_true(totals.closes);
	assert_false(ledger_is_clean(&totals));
}

static void
order_is_per_driver(void **state)
{
	Ledger *ledger = ledger_create(4, 2);
	LedgerTotals totals;

	(void) state;
	for (uint32_t n = 0; n < 4; n++)
	{
		ledger_offer(ledger, n, OUTCOME_ACCEPTED);
		ledger_stored(ledger, n);
	}
	ledger_in_target(ledger, 0, 0, 1, 1);
	ledger_in_target(ledger, 1, 0, 3, 1);
	ledger_in_target(ledger, 2, 1, 1, 1); /* another driver's */
	ledger_in_target(ledger, 3, 0, 2, 1); /* too late */
	ledger_latest(ledger, 0, 3);
	ledger_latest(ledger, 1, 1);
	totals = close_ledger(ledger, true);
	assert_int_equal(totals.order_violations, 1);
	assert_false(ledger_is_clean(&totals));
}

/* A row of driver_location that is not the last version, one too few, one too many. */
static void
latest_must_be_last(void **state)
{
	static const int64_t latest[] = {1, 0, 3};

	(void) state;
	for (size_t i = 0; i < LENGTH(latest); i++)
	{
		Ledger *ledger = ledger_create(2, 1);
		LedgerTotals totals;

		for (uint32_t n = 0; n < 2; n++)
		{
			ledger_offer(ledger, n, OUTCOME_ACCEPTED);
			ledger_stored(ledger, n);
			ledger_in_target(ledger, n, 0, n + 1, 1);
		}
		if (latest[i] != 0)
			ledger_latest(ledger, 0, latest[i]);
		totals = close_ledger(ledger, true);
		assert_int_equal(totals.order_violations, 1);
		assert_false(ledger_is_clean(&totals));
	}
}

static void
invented_rows(void **state)
{
	Ledger *ledger = ledger_create(4, 1);
	LedgerTotals totals;

	(void) state;
	ledger_offer(ledger, 0, OUTCOME_REJECTED); /* and yet stored */
	ledger_stored(ledger, 0);
	ledger_offer(ledger, 1, OUTCOME_ACCEPTED); /* in the target without its cause */
	ledger_in_target(ledger, 1, 0, 1, 1);
	ledger_stored(ledger, 2); /* never offered */
	ledger_stored(ledger, 9); /* no such request */
	ledger_in_target(ledger, 9, 0, 2, 1);
	ledger_in_target(ledger, 3, 7, 2, 1); /* no such driver */
	ledger_stranger(ledger);
	ledger_latest(ledger, 0, 1);
	totals = close_ledger(ledger, true);
	assert_int_equal(totals.invented, 7);
	assert_int_equal(totals.order_violations, 0);
	assert_false(ledger_is_clean(&totals));
}

static void
open_requests_do_not_close(void **state)
{
	Ledger *ledger = ledger_create(2, 1);
	LedgerTotals totals;

	(void) state;
	ledger_offer(ledger, 0, OUTCOME_NONE);
	totals = close_ledger(ledger, true);
	assert_int_equal(totals.offered, 1);
	assert_int_equal(totals.open, 1);
	assert_false(totals.closes);
}

/* Whatever happens, nobody is counted twice or forgotten. */
static void
always_closes(void **state)
{
	Random random;

	(void) state;
	random_seed(&random, 7);
	for (int round = 0; round < 200; round++)
	{
		Ledger *ledger = ledger_create(50, 5);
		bool quiet = random_below(&random, 2) == 0;
		LedgerTotals totals;

		for (uint32_t n = 0; n < 50; n++)
		{
			ledger_offer(ledger, n, (Outcome) (OUTCOME_ACCEPTED + random_below(&random, 3)));
			if (random_below(&random, 2) == 0)
				ledger_stored(ledger, n);
			while (random_below(&random, 2) == 0)
				ledger_in_target(ledger, n, (uint32_t) random_below(&random, 5), n + 1, 1);
		}
		totals = close_ledger(ledger, quiet);
		assert_true(totals.closes);
		assert_int_equal(totals.offered, 50);
		assert_int_equal(totals.accepted + totals.rejected + totals.unknown, 50);
		assert_int_equal(totals.accepted_in_target + totals.pending + totals.lost, totals.accepted);
		assert_true(totals.in_target >= totals.accepted_in_target);
	}
}

/* Requests that it wasn't made for, and what each wrong comes to. */
static void
beyond_it(void **state)
{
	Ledger *ledger = ledger_create(0, 0);
	LedgerTotals totals;
	__typeof__(totals.lost) *const wrongs[] = {&totals.pending,			 &totals.lost,
											   &totals.unknown_missing,	 &totals.duplicates,
											   &totals.order_violations, &totals.invented};

	(void) state;
	assert_non_null(ledger);
	ledger_offer(ledger, 0, OUTCOME_ACCEPTED);
	ledger_stored(ledger, 7);
	totals = close_ledger(ledger, true);
	assert_int_equal(totals.offered, 0);
	/* What is stored and nobody offered is invented. */
	assert_int_equal(totals.invented, 1);
	totals.invented = 0;
	assert_true(ledger_is_clean(&totals));
	for (size_t i = 0; i < LENGTH(wrongs); i++)
	{
		*wrongs[i] = 1;
		assert_false(ledger_is_clean(&totals));
		*wrongs[i] = 0;
	}
	assert_true(ledger_is_clean(&totals));
	totals.closes = false;
	assert_false(ledger_is_clean(&totals));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beyond_it),
		cmocka_unit_test(clean_run),
		cmocka_unit_test(pending_or_lost),
		cmocka_unit_test(unknown_may_be_stored),
		cmocka_unit_test(unknown_may_be_missing),
		cmocka_unit_test(first_row_is_the_visible_one),
		cmocka_unit_test(duplicates_are_no_order_violation),
		cmocka_unit_test(order_is_per_driver),
		cmocka_unit_test(latest_must_be_last),
		cmocka_unit_test(invented_rows),
		cmocka_unit_test(open_requests_do_not_close),
		cmocka_unit_test(always_closes),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
