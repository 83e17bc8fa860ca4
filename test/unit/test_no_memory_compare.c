/*
 * test_no_memory_compare.c
 *	  The books of outbox-compare when there is no memory for them.
 */
#include "scarce.h"

#include "ledger.h"
#include "schedule.h"
#include "shop_books.h"
#include "versions.h"

static bool
ledger_is_made(Error *error)
{
	Ledger *ledger = ledger_create(7, 3);

	(void) error;
	ledger_free(ledger);
	return ledger != NULL;
}

static bool
books_are_made(Error *error)
{
	ShopBooks *books = shop_books_create((ShopPath) 0, 7);

	(void) error;
	shop_books_free(books);
	return books != NULL;
}

static bool
schedule_is_made(Error *error)
{
	Schedule schedule;
	LoadShape shape = {0};
	bool ok = schedule_init(&schedule, &shape, 10, 5 * USEC_PER_SEC, 1);

	(void) error;
	schedule_free(&schedule);
	return ok;
}

/* Whoever got no version asks again; no other one is lost by it. */
static bool
versions_rise(Error *error)
{
	Versions versions = {.entries = NULL};
	bool ok = true;

	(void) error;
	for (int i = 0; i < 300; i++)
	{
		char driver[DRIVER_ID_SIZE];
		int64_t version;

		snprintf(driver, sizeof(driver), "driver-%d", i);
		version = versions_next(&versions, driver, 1000 + i);
		if (version == 0)
		{
			ok = false;
			version = versions_next(&versions, driver, 1000 + i);
		}
		assert_int_equal(version, 1000 + i);
	}
	assert_int_equal(versions_next(&versions, "driver-0", 5), 1001);
	versions_free(&versions);
	return ok;
}

static void
each_of_them(void **state)
{
	(void) state;
	scarce_each(ledger_is_made);
	scarce_each(books_are_made);
	scarce_each(schedule_is_made);
	scarce_each(versions_rise);
}

static void
nothing_is_freed_of_nothing(void **state)
{
	(void) state;
	ledger_free(NULL);
	shop_books_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_them),
		cmocka_unit_test(nothing_is_freed_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
