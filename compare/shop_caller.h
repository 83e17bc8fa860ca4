/*
 * shop_caller.h
 *	  What one request does: an order stored in the source and, on the sync path,
 *	  in every service, before its answer.
 *
 *	sync	BEGIN in the source, a transaction in inventory, pricing and recommendation
 *			each, COMMIT in the source
 *	outbox	BEGIN, the order and its event, COMMIT in the source
 *
 * A service that fails has the order rolled back in the source; what the services
 * before it have committed stays.  A connection that is gone is opened anew by the
 * next request that needs it.  One thread at a time.
 */
#ifndef OUTBOX_COMPARE_SHOP_CALLER_H
#define OUTBOX_COMPARE_SHOP_CALLER_H

#include "ledger.h"
#include "shop_order.h"

typedef struct ShopDatabases
{
	const char *source; /* connection strings; not copied */
	const char *services[SERVICES_CALLED];
	int64_t statement_timeout_usec;
} ShopDatabases;

typedef struct ShopCaller ShopCaller;

/* NULL: no memory. */
extern ShopCaller *shop_caller_create(ShopPath path, uint32_t run, const ShopDatabases *databases);
extern void shop_caller_free(ShopCaller *caller); /* NULL is allowed */

/* Opens all its connections, so that no request has to. */
extern MUST_CHECK bool shop_caller_connect(ShopCaller *caller, Error *error);

/*
 * Accepted, rejected (not stored in the source), or unknown: COMMIT was sent to the source
 * and its answer never came.  Fills the order's version.
 */
extern Outcome shop_caller_call(ShopCaller *caller, ShopOrder *order);

#endif
