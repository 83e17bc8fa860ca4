/*
 * inventory_json.c
 *	  A run of the inventory kind, as report.json has it (report_json.h).
 */
#include "inventory_report.h"

#include "report_values.h"

static json_t *
service_object(const ServiceResult *result)
{
	const LedgerTotals *totals = &result->totals;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o, s:o}", "in_service",
					 (json_int_t) totals->in_target, "accepted_in_service",
					 (json_int_t) totals->accepted_in_target, "lost", (json_int_t) totals->lost,
					 "duplicates", (json_int_t) totals->duplicates, "order_violations",
					 (json_int_t) totals->order_violations, "pending", (json_int_t) totals->pending,
					 "invented", (json_int_t) totals->invented, "unknown_missing",
					 (json_int_t) totals->unknown_missing, "different",
					 (json_int_t) result->different, "closes", totals->closes ? 1 : 0, "lag_s",
					 freshness_object(&result->lag), "drain_s", rounded_or_null(result->drain_s));
}

static double
percent(uint64_t count, uint64_t of)
{
	return of > 0 ? 100 * (double) count / (double) of : 0;
}

static json_t *
path_object(const ShopPathResult *result, ShopPath path)
{
	/* What the client saw and the source has is the same in all of them. */
	const LedgerTotals *totals = &result->services[0].totals;
	json_t *services = json_object();
	json_t *rates = json_pack("{s:o, s:o, s:o}", "accepted",
							  rounded(percent(totals->accepted, totals->offered)), "durable",
							  rounded(percent(totals->durable, totals->offered)), "visible",
							  rounded(percent(result->everywhere, totals->offered)));

	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		if (result->services[i].present)
			json_object_set_new(services, service_name((Service) i),
								service_object(&result->services[i]));
	}
	return json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "title",
		shop_path_title(path), "about", shop_path_about(path), "offered",
		(json_int_t) totals->offered, "accepted", (json_int_t) totals->accepted, "rejected",
		(json_int_t) totals->rejected, "rejected_because", reasons_object(result->rejected_because),
		"unknown", (json_int_t) totals->unknown, "durable", (json_int_t) totals->durable,
		"everywhere", (json_int_t) result->everywhere, "partial", (json_int_t) result->partial,
		"rates", rates, "latency_ms", latency_object(&result->latency), "services", services);
}

static json_t *
row_object(const InventoryRow *row, size_t second)
{
	json_t *paths = json_object();
	json_t *services = json_object();

	for (int i = 0; i < SHOP_PATH_COUNT; i++)
	{
		const InventoryCounts *counts = &row->paths[i];

		json_object_set_new(paths, shop_path_name((ShopPath) i),
							json_pack("{s:i, s:i, s:i, s:i}", "offered", (int) counts->offered,
									  "accepted", (int) counts->accepted, "rejected",
									  (int) counts->rejected, "unknown", (int) counts->unknown));
	}
	for (int i = 0; i < SERVICES_CALLED; i++)
		json_object_set_new(
			services, service_name((Service) i),
			json_pack("{s:I, s:o}", "behind", (json_int_t) row->behind[i], "breaker",
					  row->breaker[i] == UNSEEN ? json_null()
												: json_string(breaker_name(row->breaker[i]))));
	return json_pack("{s:I, s:o, s:o, s:o}", "t", (json_int_t) second, "faults",
					 bits_array(row->faults), "paths", paths, "services", services);
}

static json_t *
expectation_object(const Judged *judged)
{
	return json_pack(
		"{s:s, s:o, s:s, s:s, s:o, s:b}", "path", shop_path_name(judged->path), "service",
		judged->service == SERVICE_COUNT ? json_null() : json_string(service_name(judged->service)),
		"text", judged->text, "unit", unit_name(judged->unit), "measured",
		rounded_or_null(judged->measured), "held", judged->held ? 1 : 0);
}

static json_t *
replay_object(const InventoryReport *report)
{
	const ServiceResult *audit = &report->paths[SHOP_OUTBOX].services[SERVICE_AUDIT];

	if (!audit->present)
		return json_null();
	return json_pack("{s:s, s:I, s:o, s:I}", "service", service_name(SERVICE_AUDIT), "orders",
					 (json_int_t) audit->totals.in_target, "seconds",
					 rounded_or_null(audit->drain_s), "different", (json_int_t) audit->different);
}

json_t *
inventory_json(const InventoryReport *report)
{
	json_t *expectations = json_array();
	json_t *services = json_array();
	json_t *paths = json_object();
	json_t *timeline = json_array();

	for (int i = 0; i < report->verdict.count; i++)
		json_array_append_new(expectations, expectation_object(&report->verdict.all[i]));
	for (int i = 0; i < SERVICE_COUNT; i++)
		json_array_append_new(services, json_string(service_name((Service) i)));
	for (int i = 0; i < SHOP_PATH_COUNT; i++)
		json_object_set_new(paths, shop_path_name((ShopPath) i),
							path_object(&report->paths[i], (ShopPath) i));
	for (size_t second = 0; second < report->row_count; second++)
		json_array_append_new(timeline, row_object(&report->rows[second], second));
	return json_pack("{s:I, s:i, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "seed",
					 (json_int_t) report->seed, "repeat", report->repeat, "interrupted",
					 report->interrupted ? 1 : 0, "passed", report->verdict.passed ? 1 : 0,
					 "took_s", rounded(report->took_s), "faults",
					 faults_array(report->faults, report->fault_count), "expectations",
					 expectations, "services", services, "replay", replay_object(report), "shop",
					 paths, "shop_timeline", timeline);
}
