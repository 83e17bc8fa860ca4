/*
 * shop_audit.h
 *	  Reads the source's orders and the services' rows into the books of a path.
 */
#ifndef OUTBOX_COMPARE_SHOP_AUDIT_H
#define OUTBOX_COMPARE_SHOP_AUDIT_H

#include "clock.h"
#include "shop_books.h"

typedef struct ShopAuditConfig
{
	const char *source;					 /* connection strings of the servers themselves */
	const char *services[SERVICE_COUNT]; /* NULL: it isn't there */
	uint64_t seed;
	uint32_t run;
	UnixUsec wall_start; /* of the load */
} ShopAuditConfig;

/* After all orders were offered.  Whoever reads last has the services' rows as they are then. */
extern MUST_CHECK bool shop_audit(const ShopAuditConfig *config, ShopPath path, ShopBooks *books,
								  Error *error);

#endif
