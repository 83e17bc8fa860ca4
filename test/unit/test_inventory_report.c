/*
 * test_inventory_report.c
 *	  What the expectations of an inventory scenario are judged by, and its rows.
 */
#include "unit.h"

#include "inventory_report.h"

#define HEAD "kind = inventory\ntitle = T\nduration = 20s\n"

static Scenario scenario;
static InventoryReport report;

static int
setup(void **state)
{
	(void) state;
	memset(&report, 0, sizeof(report));
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
	{
		for (int i = 0; i < SERVICES_CALLED; i++)
		{
			ServiceResult *service = &report.paths[path].services[i];

			service->present = true;
			service->totals = (LedgerTotals){.offered = 100, .accepted = 100, .closes = true};
			service->totals.in_target = 100;
		}
		report.paths[path].everywhere = 100;
	}
	return 0;
}

static bool
held(const char *expectation)
{
	char text[256];
	Error error;

	snprintf(text, sizeof(text), HEAD "expect %s\n", expectation);
	error_clear(&error);
	if (!scenario_parse(&scenario, "x.scenario", text, strlen(text), &error))
		fail_msg("%s", error.message);
	inventory_judge(&report, &scenario);
	/* The last ones are of the ledgers. */
	assert_int_equal(report.verdict.count, 1 + 2 * SERVICES_CALLED);
	return report.verdict.all[0].held;
}

static void
one_service_or_all(void **state)
{
	ServiceResult *services = report.paths[SHOP_OUTBOX].services;

	(void) state;
	services[SERVICE_PRICING].totals.lost = 2;
	services[SERVICE_INVENTORY].totals.lost = 1;
	services[SERVICE_PRICING].totals.in_target = 98;
	services[SERVICE_PRICING].different = 5;
	report.paths[SHOP_OUTBOX].everywhere = 97;
	report.paths[SHOP_OUTBOX].partial = 3;
	assert_true(held("outbox lost = 3"));
	assert_true(held("outbox pricing lost = 2"));
	assert_true(held("outbox recommendation lost = 0"));
	assert_true(held("outbox different = 5"));
	assert_true(held("outbox visible = 97%"));
	assert_true(held("outbox pricing visible = 98%"));
	assert_true(held("outbox partial = 3"));
	assert_true(held("sync lost + partial = 0"));
	assert_false(held("outbox partial = 0"));
	assert_false(report.verdict.passed);
}

static void
the_longest_time(void **state)
{
	ServiceResult *services = report.paths[SHOP_OUTBOX].services;

	(void) state;
	services[SERVICE_PRICING].lag.max_s = 2.5;
	services[SERVICE_INVENTORY].lag.max_s = 0.5;
	assert_true(held("outbox lag <= 2.5s"));
	assert_false(held("outbox lag <= 2.4s"));
	assert_true(held("outbox inventory lag <= 500ms"));
	assert_true(held("outbox drain <= 1s"));
	/* What never came is longer than any. */
	services[SERVICE_RECOMMENDATION].drain_s = NOT_DRAINED;
	assert_false(held("outbox drain <= 1min"));
	assert_true(held("outbox pricing drain <= 1s"));
}

static void
ledgers_and_interrupts(void **state)
{
	(void) state;
	assert_true(held("sync lost = 0"));
	assert_true(report.verdict.passed);
	report.paths[SHOP_SYNC].services[SERVICE_PRICING].totals.closes = false;
	assert_true(held("sync lost = 0"));
	assert_false(report.verdict.passed);
	report.interrupted = true;
	inventory_judge(&report, &scenario);
	assert_int_equal(report.verdict.count, 0);
	assert_false(report.verdict.passed);
}

static void
rows(void **state)
{
	(void) state;
	assert_true(inventory_report_reach(&report, 2));
	assert_int_equal(report.row_count, 3);
	report.rows[2].faults = 1;
	assert_true(inventory_report_reach(&report, 1));
	assert_true(inventory_report_reach(&report, 4));
	assert_int_equal(report.row_count, 5);
	assert_int_equal(report.rows[2].faults, 1);
	assert_int_equal(report.rows[4].faults, 0);
	assert_int_equal(report.rows[4].breaker[SERVICE_PRICING], UNSEEN);
	inventory_report_free(&report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_service_or_all, setup),
		cmocka_unit_test_setup(the_longest_time, setup),
		cmocka_unit_test_setup(ledgers_and_interrupts, setup),
		cmocka_unit_test_setup(rows, setup),
	};

	return cmocka_run_group_tests_name("inventory_report", tests, NULL, NULL);
}
