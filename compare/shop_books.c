/*
 * shop_books.c
 *	  A ledger for each service, and what goes across them.
 */
#include "shop_books.h"

#include <stdlib.h>
#include <string.h>

#define STORED_BIT SERVICE_BIT(SERVICE_COUNT)

typedef struct ShopEntry
{
	Outcome outcome;
	unsigned where; /* bits of the services that have it, and of the source */
	int64_t answered_usec;
	int64_t latency_usec;
	ShopOrder order; /* as the source has it */
} ShopEntry;

struct ShopBooks
{
	ShopPath path;
	uint32_t count;
	ShopEntry *entries;
	Ledger *ledgers[SERVICE_COUNT];
	uint64_t different[SERVICE_COUNT];
	int64_t ordered[SERVICE_COUNT][SHOP_PRODUCTS]; /* totals of the orders in the source */
	int64_t totals[SERVICE_COUNT][SHOP_PRODUCTS];  /* as the services say */
};

ShopBooks *
shop_books_create(ShopPath path, uint32_t count)
{
	ShopBooks *books = calloc(1, sizeof(*books));
	bool made;

	if (books == NULL)
		return NULL;
	books->path = path;
	books->count = count;
	books->entries = calloc((size_t) count + 1, sizeof(*books->entries));
	made = books->entries != NULL;
	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		books->ledgers[i] = ledger_create(count, SHOP_PRODUCTS);
		made = made && books->ledgers[i] != NULL;
	}
	if (made)
		return books;
	shop_books_free(books);
	return NULL;
}

void
shop_books_free(ShopBooks *books)
{
	if (books == NULL)
		return;
	for (int i = 0; i < SERVICE_COUNT; i++)
		ledger_free(books->ledgers[i]);
	free(books->entries);
	free(books);
}

/* -------------------------------------------------------------------------
 * in
 * ------------------------------------------------------------------------- */

void
shop_books_offer(ShopBooks *books, uint32_t number, Outcome outcome, int64_t answered_usec,
				 int64_t latency_usec)
{
	if (number >= books->count)
		return;
	books->entries[number].outcome = outcome;
	books->entries[number].answered_usec = answered_usec;
	books->entries[number].latency_usec = latency_usec;
	for (int i = 0; i < SERVICE_COUNT; i++)
		ledger_offer(books->ledgers[i], number, outcome);
}

void
shop_books_stored(ShopBooks *books, uint32_t number, const ShopOrder *order)
{
	for (int i = 0; i < SERVICE_COUNT; i++)
		ledger_stored(books->ledgers[i], number);
	if (number >= books->count || order->product >= SHOP_PRODUCTS)
		return;
	books->entries[number].where |= STORED_BIT;
	books->entries[number].order = *order;
	for (int i = 0; i < SERVICE_COUNT; i++)
		books->ordered[i][order->product] += shop_amount((Service) i, order);
}

static bool
says_the_same(const ShopOrder *one, const ShopOrder *other)
{
	return one->product == other->product && one->version == other->version &&
		   one->quantity == other->quantity && one->cents == other->cents;
}

void
shop_books_heard(ShopBooks *books, Service service, uint32_t number, const ShopOrder *order,
				 int64_t at_usec)
{
	ShopEntry *entry;

	/* 0 is never, for the ledger. */
	ledger_in_target(books->ledgers[service], number, order->product, order->version,
					 at_usec > 0 ? at_usec : 1);
	if (number >= books->count || order->product >= SHOP_PRODUCTS)
		return;
	entry = &books->entries[number];
	entry->where |= SERVICE_BIT(service);
	/* One without its order is invented, and there is nothing to compare it with. */
	if ((entry->where & STORED_BIT) != 0 && !says_the_same(&entry->order, order))
		books->different[service]++;
}

void
shop_books_total(ShopBooks *books, Service service, uint32_t product, int64_t version,
				 int64_t total)
{
	ledger_latest(books->ledgers[service], product, version);
	if (product < SHOP_PRODUCTS)
		books->totals[service][product] = total;
}

void
shop_books_stranger(ShopBooks *books, Service service)
{
	ledger_stranger(books->ledgers[service]);
}

/* -------------------------------------------------------------------------
 * out
 * ------------------------------------------------------------------------- */

/* A call is in the service before it is answered: that is no time at all. */
static int64_t
lag_of(const ShopBooks *books, Service service, uint32_t number)
{
	int64_t at = ledger_visible_at(books->ledgers[service], number);
	int64_t answered = books->entries[number].answered_usec;

	return at > answered ? at - answered : 0;
}

static bool
arrived(const ShopBooks *books, Service service, uint32_t number)
{
	return (books->entries[number].where & SERVICE_BIT(service)) != 0;
}

static void
fill_lag(const ShopBooks *books, Service service, int64_t *samples, PathFreshness *lag)
{
	size_t seen = 0;

	for (uint32_t n = 0; n < books->count; n++)
	{
		if (books->entries[n].outcome == OUTCOME_ACCEPTED && arrived(books, service, n))
			samples[seen++] = lag_of(books, service, n);
	}
	path_freshness_fill(lag, samples, seen);
}

static double
drain_of(const ShopBooks *books, Service service, int64_t from)
{
	int64_t last = from;

	for (uint32_t n = 0; n < books->count; n++)
	{
		const ShopEntry *entry = &books->entries[n];
		int64_t at = ledger_visible_at(books->ledgers[service], n);

		if (entry->outcome != OUTCOME_ACCEPTED || entry->answered_usec > from)
			continue;
		if (!arrived(books, service, n))
			return NOT_DRAINED;
		if (at > last)
			last = at;
	}
	return (double) (last - from) / USEC_PER_SEC;
}

bool
shop_books_last(const ShopBooks *books, Service service, int64_t *last_usec)
{
	*last_usec = 0;
	for (uint32_t n = 0; n < books->count; n++)
	{
		int64_t at = ledger_visible_at(books->ledgers[service], n);

		if ((books->entries[n].where & STORED_BIT) == 0)
			continue;
		if (!arrived(books, service, n))
			return false;
		if (at > *last_usec)
			*last_usec = at;
	}
	return true;
}

static void
close_service(const ShopBooks *books, Service service, const ShopMoments *moments, int64_t *samples,
			  ServiceResult *result)
{
	result->present = service != SERVICE_AUDIT || books->path == SHOP_OUTBOX;
	if (!result->present)
		return;
	ledger_close(books->ledgers[service], books->path == SHOP_SYNC || moments->quiet,
				 &result->totals);
	result->different = books->different[service];
	for (int product = 0; product < SHOP_PRODUCTS; product++)
		result->different += books->totals[service][product] != books->ordered[service][product];
	if (service == SERVICE_AUDIT)
	{
		result->lag = (PathFreshness){NOT_SEEN, NOT_SEEN, NOT_SEEN};
		return;
	}
	fill_lag(books, service, samples, &result->lag);
	result->drain_s = drain_of(books, service, moments->back_usec);
}

bool
shop_books_close(ShopBooks *books, const ShopMoments *moments, ShopPathResult *result)
{
	int64_t *samples = calloc((size_t) books->count + 1, sizeof(*samples));
	size_t accepted = 0;

	if (samples == NULL)
		return false;
	for (int i = 0; i < SERVICE_COUNT; i++)
		close_service(books, (Service) i, moments, samples, &result->services[i]);
	result->everywhere = result->partial = 0;
	for (uint32_t n = 0; n < books->count; n++)
	{
		const ShopEntry *entry = &books->entries[n];
		unsigned called = entry->where & SERVICES_ALL;

		if (called == SERVICES_ALL)
			result->everywhere++;
		else if (called != 0)
			result->partial++;
		if (entry->outcome == OUTCOME_ACCEPTED)
			samples[accepted++] = entry->latency_usec;
	}
	path_latency_fill(&result->latency, samples, accepted);
	free(samples);
	return true;
}

/* The element of the second that the moment is in; the last one for what is later. */
static size_t
second_of(int64_t usec, size_t seconds)
{
	size_t second = usec > 0 ? (size_t) (usec / USEC_PER_SEC) : 0;

	return second < seconds ? second : seconds - 1;
}

void
shop_books_behind(const ShopBooks *books, Service service, int64_t *behind, size_t seconds)
{
	memset(behind, 0, seconds * sizeof(*behind));
	if (seconds == 0)
		return;
	for (uint32_t n = 0; n < books->count; n++)
	{
		const ShopEntry *entry = &books->entries[n];

		if (entry->outcome != OUTCOME_ACCEPTED)
			continue;
		behind[second_of(entry->answered_usec, seconds)]++;
		if (arrived(books, service, n))
			behind[second_of(entry->answered_usec + lag_of(books, service, n), seconds)]--;
	}
	for (size_t second = 1; second < seconds; second++)
		behind[second] += behind[second - 1];
}
