/*
 * shop_order.h
 *	  The orders of an inventory scenario, and the statements that store them.
 *	  Pure.
 *
 * The n-th order of a seed is always the same, for both paths but for its id.
 */
#ifndef OUTBOX_COMPARE_SHOP_ORDER_H
#define OUTBOX_COMPARE_SHOP_ORDER_H

#include <stdint.h>

#include "buffer.h"
#include "envelope.h"
#include "shop.h"

#define SHOP_PRODUCTS 20
#define SHOP_TYPE_SIZE 24
#define SHOP_TOPIC_SIZE 48
#define SHOP_SQL_SIZE 512

typedef struct ShopOrder
{
	char id[UUID_TEXT_SIZE];
	uint32_t product; /* 0 .. SHOP_PRODUCTS - 1: the key of its event */
	uint32_t quantity;
	uint32_t cents;	 /* each */
	int64_t version; /* rises with the commits of a product's orders; from the source */
} ShopOrder;

/* All but the version. */
extern void shop_order_make(ShopOrder *order, uint64_t seed, uint32_t run, ShopPath path,
							uint32_t number);

/* The aggregate type of a run, and its topic: each run has its own to replay. */
extern void shop_type(uint32_t run, char *type);
extern void shop_topic(uint32_t run, char *topic);

/*
 * Both fill sql, which has SHOP_SQL_SIZE bytes.  "place" begins a transaction in the
 * source, and gives the version; "accept" is a whole transaction in a service.
 */
extern void shop_place_sql(const ShopOrder *order, uint32_t run, ShopPath path, char *sql);
extern void shop_accept_sql(const ShopOrder *order, ShopPath path, char *sql);

/* What the source needs, anew. */
extern void shop_source_schema(Buffer *sql);
/* The tables of a service, and what "accept" calls. */
extern void shop_service_schema(Service service, Buffer *sql);
/* The consumer's handlers that do the same with a batch of events. */
extern void shop_service_handlers(Service service, uint32_t run, Buffer *ini);

/* What a service adds up for each product: "total" of its state. */
extern int64_t shop_amount(Service service, const ShopOrder *order);

/*
 * Of a service: a row for each order that it heard of (n, path, order_id, product, version,
 * quantity, cents, stored_at), and one for each product (path, product, version, total).
 */
extern const char *shop_rows_table(Service service);
extern const char *shop_state_table(Service service);

#endif
