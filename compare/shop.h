/*
 * shop.h
 *	  The inventory scenario's names: two paths of an order, and the services that
 *	  have to hear of it.
 *
 *	sync	a request stores the order and calls every service before it answers
 *	outbox	a request stores the order with its event; each service consumes the topic
 *
 * Nobody had thought of "audit" before the load ended: it reads the topic from
 * its beginning, so only the outbox path has it.
 */
#ifndef OUTBOX_COMPARE_SHOP_H
#define OUTBOX_COMPARE_SHOP_H

#include <stddef.h>

#include "error.h"
#include "mode.h"

typedef enum ShopPath
{
	SHOP_SYNC,
	SHOP_OUTBOX,
	SHOP_PATH_COUNT
} ShopPath;

typedef enum Service
{
	SERVICE_INVENTORY,
	SERVICE_PRICING,
	SERVICE_RECOMMENDATION,
	SERVICE_AUDIT,
	SERVICE_COUNT
} Service;

#define SERVICES_CALLED SERVICE_AUDIT /* those before it take part in the load */
#define SERVICE_BIT(service) (1U << (service))
#define SERVICES_ALL (SERVICE_BIT(SERVICES_CALLED) - 1)

extern const char *shop_path_name(ShopPath path);
extern const char *shop_path_title(ShopPath path); /* "Synchronous calls" */
extern const char *shop_path_about(ShopPath path); /* a sentence for people */
extern Mode shop_path_mode(ShopPath path);		   /* what stands in its request ids */
extern const char *service_name(Service service);

extern MUST_CHECK bool shop_path_parse(const char *text, size_t len, ShopPath *path);
extern MUST_CHECK bool service_parse(const char *text, size_t len, Service *service);

#endif
