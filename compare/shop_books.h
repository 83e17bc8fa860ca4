/*
 * shop_books.h
 *	  What became of every order of one path, in every service.  Pure.
 *
 *	offered  = accepted + rejected + unknown
 *	accepted = in the service + pending + lost		for each service (ledger.h)
 *
 *	partial		orders that some of the services that are called have and others don't
 *	different	rows that don't say what the source says, and products whose total isn't
 *				that of the orders in the source
 *
 * All times are microseconds from the start of the load.  Feed a service's rows in
 * the order in which they came.
 */
#ifndef OUTBOX_COMPARE_SHOP_BOOKS_H
#define OUTBOX_COMPARE_SHOP_BOOKS_H

#include "ledger.h"
#include "path_result.h"
#include "shop_order.h"

typedef struct ServiceResult
{
	bool present;		 /* the path has that service */
	LedgerTotals totals; /* its "target" is the service's database */
	uint64_t different;
	PathFreshness lag; /* from the answer until it was there; audit: NOT_SEEN */
	double drain_s;	   /* from the last return until all that had been accepted by then was there;
						  audit: from its start until it had everything; NOT_DRAINED */
} ServiceResult;

typedef struct ShopPathResult
{
	PathLatency latency;
	uint64_t everywhere; /* orders that every service has that is called */
	uint64_t partial;
	uint64_t rejected_because[REJECT_REASONS];
	ServiceResult services[SERVICE_COUNT];
} ShopPathResult;

typedef struct ShopMoments
{
	int64_t back_usec; /* the last return of a service; without one, the load's end */
	bool quiet;		   /* nothing was on its way any more */
} ShopMoments;

typedef struct ShopBooks ShopBooks;

/* NULL: no memory. */
extern ShopBooks *shop_books_create(ShopPath path, uint32_t count);
extern void shop_books_free(ShopBooks *books); /* NULL is allowed */

extern void shop_books_offer(ShopBooks *books, uint32_t number, Outcome outcome,
							 int64_t answered_usec, int64_t latency_usec);
/* A row of the source. */
extern void shop_books_stored(ShopBooks *books, uint32_t number, const ShopOrder *order);
/* A row of a service, and what it has added up for a product.  After all of the source. */
extern void shop_books_heard(ShopBooks *books, Service service, uint32_t number,
							 const ShopOrder *order, int64_t at_usec);
extern void shop_books_total(ShopBooks *books, Service service, uint32_t product, int64_t version,
							 int64_t total);
/* A row of no order of this run. */
extern void shop_books_stranger(ShopBooks *books, Service service);
/* When a service had the last of all orders of the source; false: it hasn't got them all. */
extern bool shop_books_last(const ShopBooks *books, Service service, int64_t *last_usec);

/* False: no memory.  Those of audit that only its conductor knows are left alone. */
extern MUST_CHECK bool shop_books_close(ShopBooks *books, const ShopMoments *moments,
										ShopPathResult *result);

/*
 * How many orders a service is behind at the end of each second: answered as accepted, and not
 * there.  behind has that many elements.
 */
extern void shop_books_behind(const ShopBooks *books, Service service, int64_t *behind,
							  size_t seconds);

#endif
