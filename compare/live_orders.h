/*
 * live_orders.h
 *	  The orders of the live page that nobody took yet, and the token that each needs.
 */
#ifndef OUTBOX_COMPARE_LIVE_ORDERS_H
#define OUTBOX_COMPARE_LIVE_ORDERS_H

#include <pthread.h>
#include <stddef.h>

#include "live.h"

#define LIVE_ORDERS_MAX 16
#define LIVE_TOKEN_SIZE 33 /* 128 bits as text */

typedef struct LiveOrders
{
	pthread_mutex_t mutex;
	LiveCommand waiting[LIVE_ORDERS_MAX];
	size_t first;
	size_t count;
	char token[LIVE_TOKEN_SIZE];
} LiveOrders;

/* With a token that nobody can guess; to be freed also after a failure. */
extern MUST_CHECK bool live_orders_init(LiveOrders *orders, Error *error);
extern void live_orders_free(LiveOrders *orders);

/* NULL is no token.  Takes as long for a wrong one as for the right one. */
extern bool live_orders_token(const LiveOrders *orders, const char *given);

/* "/crash/target"; false when there is no such order or part. */
extern bool live_order_parse(const char *path, LiveCommand *command);

/* From any thread; false when there is no room, when there is none. */
extern bool live_orders_put(LiveOrders *orders, const LiveCommand *command);
extern bool live_orders_take(LiveOrders *orders, LiveCommand *command);

#endif
