/*
 * inventory_settle.c
 *	  Books of both paths, and the seconds of the timeline.
 */
#include "inventory_settle.h"

#include <stdlib.h>

#include "shop_audit.h"

static double
seconds(int64_t usec)
{
	return (double) usec / USEC_PER_SEC;
}

static bool
read_books(const InventorySettleInput *input, ShopPath path, ShopBooks *books, Error *error)
{
	const ShopRecord *records = shop_load_records(input->load, path);
	uint32_t count = shop_load_count(input->load);
	ShopAuditConfig audit = {.source = input->source,
							 .seed = input->seed,
							 .run = input->run,
							 .wall_start = input->wall_start};

	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		if (i < SERVICES_CALLED || (input->replay_from != 0 && path == SHOP_OUTBOX))
			audit.services[i] = input->services[i];
	}
	for (uint32_t n = 0; n < count; n++)
		shop_books_offer(books, n, records[n].outcome,
						 schedule_at(input->schedule, n) + records[n].latency_usec,
						 records[n].latency_usec);
	return shop_audit(&audit, path, books, error);
}

/* From its start until the last of all orders was there. */
static void
fill_replay(const InventorySettleInput *input, const ShopBooks *books, ServiceResult *audit)
{
	int64_t last;

	audit->present = input->replay_from != 0;
	audit->drain_s = NOT_DRAINED;
	if (audit->present && shop_books_last(books, SERVICE_AUDIT, &last))
		audit->drain_s = seconds(input->start + last - input->replay_from);
}

static bool
fill_behind(InventoryReport *report, const ShopBooks *books)
{
	int64_t *behind = calloc(report->row_count + 1, sizeof(*behind));

	if (behind == NULL)
		return false;
	for (int i = 0; i < SERVICES_CALLED; i++)
	{
		shop_books_behind(books, (Service) i, behind, report->row_count);
		for (size_t second = 0; second < report->row_count; second++)
			report->rows[second].behind[i] = behind[second];
	}
	free(behind);
	return true;
}

static void
count_offers(const InventorySettleInput *input, ShopPath path, InventoryReport *report)
{
	const ShopRecord *records = shop_load_records(input->load, path);
	uint32_t count = shop_load_count(input->load);

	for (int reason = 0; reason < REJECT_REASONS; reason++)
		report->paths[path].rejected_because[reason] =
			shop_load_counters(input->load, path)->reasons[reason];
	for (uint32_t n = 0; n < count; n++)
	{
		size_t second = (size_t) (schedule_at(input->schedule, n) / USEC_PER_SEC);
		InventoryCounts *counts;

		if (second >= report->row_count)
			continue;
		counts = &report->rows[second].paths[path];
		counts->offered++;
		counts->accepted += records[n].outcome == OUTCOME_ACCEPTED;
		counts->rejected += records[n].outcome == OUTCOME_REJECTED;
		counts->unknown += records[n].outcome == OUTCOME_UNKNOWN;
	}
}

static bool
settle_path(const InventorySettleInput *input, ShopPath path, InventoryReport *report, Error *error)
{
	ShopBooks *books = shop_books_create(path, shop_load_count(input->load));
	ShopPathResult *result = &report->paths[path];
	ShopMoments moments = {.back_usec = input->back_at - input->start, .quiet = input->quiet};
	bool read = books != NULL && read_books(input, path, books, error);
	bool done = read && shop_books_close(books, &moments, result);

	if (done && path == SHOP_OUTBOX)
	{
		fill_replay(input, books, &result->services[SERVICE_AUDIT]);
		done = fill_behind(report, books);
	}
	if (!done && (read || books == NULL))
		error_bug(error, "out of memory");
	shop_books_free(books);
	if (done)
		count_offers(input, path, report);
	return done;
}

bool
inventory_settle(const InventorySettleInput *input, InventoryReport *report, Error *error)
{
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
	{
		if (!settle_path(input, (ShopPath) path, report, error))
			return false;
	}
	return true;
}
