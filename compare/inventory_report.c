/*
 * inventory_report.c
 *	  The verdict, and the tables.
 */
#include "inventory_report.h"

#include <stdlib.h>
#include <string.h>

void
inventory_report_free(InventoryReport *report)
{
	free(report->rows);
	report->rows = NULL;
	report->row_count = 0;
}

bool
inventory_report_reach(InventoryReport *report, size_t second)
{
	InventoryRow *rows;

	if (second < report->row_count)
		return true;
	rows = realloc(report->rows, (second + 1) * sizeof(*rows));
	if (rows == NULL)
		return false;
	memset(rows + report->row_count, 0, (second + 1 - report->row_count) * sizeof(*rows));
	for (size_t i = report->row_count; i <= second; i++)
	{
		for (int service = 0; service < SERVICES_CALLED; service++)
			rows[i].breaker[service] = UNSEEN;
	}
	report->rows = rows;
	report->row_count = second + 1;
	return true;
}

/* -------------------------------------------------------------------------
 * the verdict
 * ------------------------------------------------------------------------- */

static double
time_ms(double s)
{
	return s < 0 ? -1 : s * 1000;
}

static void
add_service(Measured *measured, const ServiceResult *result)
{
	const LedgerTotals *totals = &result->totals;

	measured->values[MEASURE_LOST] += (double) totals->lost;
	measured->values[MEASURE_DUPLICATES] += (double) totals->duplicates;
	measured->values[MEASURE_ORDER] += (double) totals->order_violations;
	measured->values[MEASURE_INVENTED] += (double) totals->invented;
	measured->values[MEASURE_PENDING] += (double) totals->pending;
	measured->values[MEASURE_MISSING] += (double) totals->unknown_missing;
	measured->values[MEASURE_DIFFERENT] += (double) result->different;
}

/* The longer of two times; less than 0 is never, and longer than any. */
static double
longer(double one, double other)
{
	if (one < 0 || other < 0)
		return -1;
	return one > other ? one : other;
}

/* Of all that are called: sums, and the longest times. */
static void
add_all(Measured *measured, const ShopPathResult *result)
{
	double drain = 0;
	double lag = 0;

	for (int i = 0; i < SERVICES_CALLED; i++)
	{
		add_service(measured, &result->services[i]);
		drain = longer(drain, time_ms(result->services[i].drain_s));
		lag = longer(lag, time_ms(result->services[i].lag.max_s));
	}
	measured->values[MEASURE_VISIBLE] = (double) result->everywhere;
	measured->values[MEASURE_DRAIN] = drain;
	measured->values[MEASURE_LAG] = lag;
}

static Measured
measured_of(const ShopPathResult *result, Service service)
{
	/* What the client saw and the source has is the same in all of them. */
	const LedgerTotals *totals = &result->services[0].totals;
	Measured measured = {.offered = (double) totals->offered};

	measured.values[MEASURE_ACCEPTED] = (double) totals->accepted;
	measured.values[MEASURE_DURABLE] = (double) totals->durable;
	measured.values[MEASURE_REJECTED] = (double) totals->rejected;
	measured.values[MEASURE_UNKNOWN] = (double) totals->unknown;
	measured.values[MEASURE_PARTIAL] = (double) result->partial;
	measured.values[MEASURE_P50] = result->latency.p50_ms;
	measured.values[MEASURE_P99] = result->latency.p99_ms;
	measured.values[MEASURE_RECOVERY] = -1;
	if (service == SERVICE_COUNT)
	{
		add_all(&measured, result);
		return measured;
	}
	add_service(&measured, &result->services[service]);
	measured.values[MEASURE_VISIBLE] = (double) result->services[service].totals.in_target;
	measured.values[MEASURE_DRAIN] = time_ms(result->services[service].drain_s);
	measured.values[MEASURE_LAG] = time_ms(result->services[service].lag.max_s);
	return measured;
}

void
inventory_judge(InventoryReport *report, const Scenario *scenario)
{
	Verdict *verdict = &report->verdict;

	verdict_begin(verdict,
				  !report->interrupted && report_faults_came(report->faults, report->fault_count));
	if (report->interrupted)
		return;
	for (int i = 0; i < scenario->expectation_count; i++)
	{
		const Expectation *expectation = &scenario->expectations[i];
		Measured measured = measured_of(&report->paths[expectation->path], expectation->service);

		verdict_expect(verdict, expectation, &measured);
	}
	for (int i = 0; i < SHOP_PATH_COUNT * SERVICE_COUNT; i++)
	{
		const Judged whose = {.path = (ShopPath) (i / SERVICE_COUNT),
							  .service = (Service) (i % SERVICE_COUNT)};
		const ServiceResult *result = &report->paths[whose.path].services[whose.service];

		if (result->present)
			verdict_ledger(verdict, &whose, result->totals.closes);
	}
}

/* -------------------------------------------------------------------------
 * what came of it
 * ------------------------------------------------------------------------- */

static void
print_path(const ShopPathResult *result, ShopPath path, FILE *out)
{
	const LedgerTotals *totals = &result->services[0].totals;
	char text[REPORT_TEXT_SIZE];

	fprintf(out, "  %-16s%8llu%9llu%9llu%9llu%9llu%9llu%9llu", shop_path_name(path),
			(unsigned long long) totals->offered, (unsigned long long) totals->accepted,
			(unsigned long long) totals->rejected, (unsigned long long) totals->unknown,
			(unsigned long long) totals->durable, (unsigned long long) result->everywhere,
			(unsigned long long) result->partial);
	fprintf(out, "%9s", report_ms(result->latency.p50_ms, text));
	fprintf(out, "%9s\n", report_ms(result->latency.p99_ms, text));
}

static void
print_service(const ServiceResult *result, ShopPath path, Service service, FILE *out)
{
	const LedgerTotals *totals = &result->totals;
	char name[40];
	char text[REPORT_TEXT_SIZE];

	snprintf(name, sizeof(name), "%s %s", shop_path_name(path), service_name(service));
	fprintf(out, "  %-22s%8llu%7llu%7llu%7llu%7llu%7llu%7llu", name,
			(unsigned long long) totals->in_target, (unsigned long long) totals->lost,
			(unsigned long long) totals->pending, (unsigned long long) totals->duplicates,
			(unsigned long long) totals->order_violations, (unsigned long long) totals->invented,
			(unsigned long long) result->different);
	fprintf(out, "%9s", report_seconds(result->lag.max_s, "-", text));
	fprintf(out, "%9s\n", report_seconds(result->drain_s, "-", text));
}

static void
print_verdict(const InventoryReport *report, FILE *out)
{
	RunEnd end = {.interrupted = report->interrupted,
				  .passed = report->verdict.passed,
				  .expected = report->verdict.count,
				  .seed = report->seed,
				  .took_s = report->took_s};

	for (int i = 0; i < report->verdict.count; i++)
	{
		const Judged *judged = &report->verdict.all[i];
		bool all = judged->service == SERVICE_COUNT;
		char who[64];

		end.held += judged->held;
		snprintf(who, sizeof(who), "%s%s%s", shop_path_name(judged->path), all ? "" : " ",
				 all ? "" : service_name(judged->service));
		if (!judged->held)
			report_print_failed(who, judged, out);
	}
	report_print_end(&end, out);
}

void
inventory_print(const InventoryReport *report, FILE *out)
{
	const ServiceResult *audit = &report->paths[SHOP_OUTBOX].services[SERVICE_AUDIT];

	fprintf(out, "  %-16s%8s%9s%9s%9s%9s%9s%9s%9s%9s\n", "", "offered", "accepted", "rejected",
			"unknown", "durable", "in all", "partial", "p50 ms", "p99 ms");
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
		print_path(&report->paths[path], (ShopPath) path, out);
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
		report_print_reasons(shop_path_name((ShopPath) path), report->paths[path].rejected_because,
							 out);
	fprintf(out, "  %-22s%8s%7s%7s%7s%7s%7s%7s%9s%9s\n", "", "there", "lost", "pend.", "dup.",
			"order", "inv.", "diff.", "max lag", "drain");
	for (int i = 0; i < SHOP_PATH_COUNT * SERVICE_COUNT; i++)
	{
		ShopPath path = (ShopPath) (i / SERVICE_COUNT);
		const ServiceResult *result = &report->paths[path].services[i % SERVICE_COUNT];

		if (result->present)
			print_service(result, path, (Service) (i % SERVICE_COUNT), out);
	}
	if (audit->present)
		fprintf(out, "  audit came last, and replayed %llu orders in %.1f s\n",
				(unsigned long long) audit->totals.in_target, audit->drain_s);
	report_print_faults(report->faults, report->fault_count, out);
	print_verdict(report, out);
}
