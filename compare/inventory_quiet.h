/*
 * inventory_quiet.h
 *	  Whether any order is still on its way to a service.
 *
 * Quiet is when PostgreSQL was told that Kafka has everything, no consumer has
 * anything before it, and no row came, all of it for a while: what comes later would
 * be there twice.
 */
#ifndef OUTBOX_COMPARE_INVENTORY_QUIET_H
#define OUTBOX_COMPARE_INVENTORY_QUIET_H

#include "shop_services.h"

typedef struct InventoryQuietConfig
{
	const char *source;			  /* connection string, not copied; NULL: Kafka has everything */
	const ShopServices *services; /* not copied */
	unsigned present;			  /* bits of those that are there */
} InventoryQuietConfig;

typedef struct InventoryQuiet InventoryQuiet;

extern InventoryQuiet *
inventory_quiet_create(const InventoryQuietConfig *config); /* NULL: no memory */
extern void inventory_quiet_free(InventoryQuiet *quiet);	/* NULL is allowed */

/*
 * A few times a second: how many rows there are by now.  behind: records that the
 * consumers have before them, or UNSEEN.
 */
extern int64_t inventory_quiet_look(InventoryQuiet *quiet, int64_t behind);
extern bool inventory_quiet_is(const InventoryQuiet *quiet);

#endif
