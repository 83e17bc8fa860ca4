/*
 * inventory_report.h
 *	  What a run of an inventory scenario came to: judged, as a table for people, and
 *	  as JSON for programs.
 */
#ifndef OUTBOX_COMPARE_INVENTORY_REPORT_H
#define OUTBOX_COMPARE_INVENTORY_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "report.h"
#include "shop_books.h"
#include "shop_load.h"

typedef struct InventoryCounts
{
	uint32_t offered; /* those that were meant to start in that second, and their ends */
	uint32_t accepted;
	uint32_t rejected;
	uint32_t unknown;
} InventoryCounts;

/* A second. */
typedef struct InventoryRow
{
	unsigned faults; /* bits: indexes of the run's faults */
	InventoryCounts paths[SHOP_PATH_COUNT];
	int breaker
		[SERVICES_CALLED]; /* the worst that was seen: 0 closed, 1 half-open, 2 open, UNSEEN */
	int64_t behind[SERVICES_CALLED]; /* of the outbox path, at its end */
} InventoryRow;

typedef struct InventoryReport
{
	uint64_t seed;
	int repeat;
	bool interrupted;
	double took_s; /* from the first order to the end of the drain */
	FaultReport faults[FAULTS_MAX];
	int fault_count;
	Verdict verdict;
	ShopPathResult paths[SHOP_PATH_COUNT];
	InventoryRow *rows; /* one a second, from the start of the load */
	size_t row_count;
} InventoryReport;

extern void inventory_report_free(InventoryReport *report);

/* Makes rows up to that second; false: no memory. */
extern MUST_CHECK bool inventory_report_reach(InventoryReport *report, size_t second);

/* As report_judge() does it. */
extern void inventory_judge(InventoryReport *report, const Scenario *scenario);

extern void inventory_print(const InventoryReport *report, FILE *out);

/* An element of "runs" (report_json.h); NULL: no memory. */
extern json_t *inventory_json(const InventoryReport *report);

#endif
