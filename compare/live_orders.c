/*
 * live_orders.c
 *	  A short queue between two threads, and a token.
 */
#include "live_orders.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "part.h"

bool
live_orders_init(LiveOrders *orders, Error *error)
{
	uint8_t bytes[(LIVE_TOKEN_SIZE - 1) / 2];

	*orders = (LiveOrders){.count = 0};
	pthread_mutex_init(&orders->mutex, NULL);
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes))
		return error_bug(error, "could not get random bytes: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(orders->token + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

void
live_orders_free(LiveOrders *orders)
{
	pthread_mutex_destroy(&orders->mutex);
}

bool
live_orders_token(const LiveOrders *orders, const char *given)
{
	unsigned differs = 0;

	if (given == NULL || strlen(given) != LIVE_TOKEN_SIZE - 1)
		return false;
	for (size_t i = 0; i < LIVE_TOKEN_SIZE - 1; i++)
		differs |= (unsigned char) given[i] ^ (unsigned char) orders->token[i];
	return differs == 0;
}

bool
live_order_parse(const char *path, LiveCommand *command)
{
	static const char *const words[] = {[LIVE_CRASH] = "/crash/", [LIVE_RESTORE] = "/restore/"};
	Part part;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (strncmp(path, words[i], strlen(words[i])) != 0)
			continue;
		command->order = (LiveOrder) i;
		snprintf(command->part, sizeof(command->part), "%s", path + strlen(words[i]));
		return part_parse(path + strlen(words[i]), strlen(path + strlen(words[i])), &part);
	}
	return false;
}

bool
live_orders_put(LiveOrders *orders, const LiveCommand *command)
{
	bool noted;

	pthread_mutex_lock(&orders->mutex);
	noted = orders->count < LIVE_ORDERS_MAX;
	if (noted)
		orders->waiting[(orders->first + orders->count++) % LIVE_ORDERS_MAX] = *command;
	pthread_mutex_unlock(&orders->mutex);
	return noted;
}

bool
live_orders_take(LiveOrders *orders, LiveCommand *command)
{
	bool any;

	pthread_mutex_lock(&orders->mutex);
	any = orders->count > 0;
	if (any)
	{
		*command = orders->waiting[orders->first];
		orders->first = (orders->first + 1) % LIVE_ORDERS_MAX;
		orders->count--;
	}
	pthread_mutex_unlock(&orders->mutex);
	return any;
}
