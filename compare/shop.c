/*
 * shop.c
 *	  The names.
 */
#include "shop.h"

#include <string.h>

static const struct
{
	const char *name;
	const char *title;
	const char *about;
	Mode mode;
} paths[SHOP_PATH_COUNT] = {
	[SHOP_SYNC] = {"sync", "Synchronous calls",
				   "The request stores the order and has inventory, pricing and recommendation "
				   "commit it, one after the other, before it commits itself and answers. What a "
				   "service has committed stays when a later one fails: nobody compensates.",
				   MODE_DIRECT},
	[SHOP_OUTBOX] = {"outbox", "Outbox",
					 "The request stores the order with its event in one transaction and answers. "
					 "Each service is a group of consumers of its own.",
					 MODE_OUTBOX},
};

static const char *const service_names[SERVICE_COUNT] = {
	[SERVICE_INVENTORY] = "inventory",
	[SERVICE_PRICING] = "pricing",
	[SERVICE_RECOMMENDATION] = "recommendation",
	[SERVICE_AUDIT] = "audit",
};

const char *
shop_path_name(ShopPath path)
{
	return paths[path].name;
}

const char *
shop_path_title(ShopPath path)
{
	return paths[path].title;
}

const char *
shop_path_about(ShopPath path)
{
	return paths[path].about;
}

Mode
shop_path_mode(ShopPath path)
{
	return paths[path].mode;
}

const char *
service_name(Service service)
{
	return service_names[service];
}

static bool
is_name(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && memcmp(name, text, len) == 0;
}

bool
shop_path_parse(const char *text, size_t len, ShopPath *path)
{
	for (int i = 0; i < SHOP_PATH_COUNT; i++)
	{
		if (is_name(paths[i].name, text, len))
		{
			*path = (ShopPath) i;
			return true;
		}
	}
	return false;
}

bool
service_parse(const char *text, size_t len, Service *service)
{
	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		if (is_name(service_names[i], text, len))
		{
			*service = (Service) i;
			return true;
		}
	}
	return false;
}
