/*
 * shop_order.c
 *	  Orders as SQL.  Nothing in them comes from outside: numbers and ids alone.
 *
 * An order's version is drawn while its product's row is locked, and the lock is
 * held until the commit: so versions of a product rise in commit order.  It comes
 * from a sequence, so one that is rolled back isn't given again.
 *
 * The index on order_id is not unique: an order that comes twice has to be
 * counted, not hidden.
 */
#include "shop_order.h"

#include <stdio.h>

#include "random.h"
#include "request_id.h"

#define QUANTITY_MAX 5
#define CENTS_MIN 99
#define CENTS_MAX 19999

/* Names of tables as a service of that trade would have them; "amount" is in the columns of both. */
static const struct
{
	const char *rows;
	const char *state;
	const char *amount;
} tables[SERVICE_COUNT] = {
	[SERVICE_INVENTORY] = {"reservation", "stock", "quantity"},
	[SERVICE_PRICING] = {"sale", "demand", "quantity * cents"},
	[SERVICE_RECOMMENDATION] = {"purchase", "popularity", "1"},
	[SERVICE_AUDIT] = {"entry", "balance", "quantity * cents"},
};

void
shop_order_make(ShopOrder *order, uint64_t seed, uint32_t run, ShopPath path, uint32_t number)
{
	uint8_t id[UUID_SIZE];
	Random random;

	random_seed(&random, seed ^ (UINT64_C(0xd1342543de82ef95) * (number + UINT64_C(1))));
	*order = (ShopOrder){
		.product = (uint32_t) random_below(&random, SHOP_PRODUCTS),
		.quantity = 1 + (uint32_t) random_below(&random, QUANTITY_MAX),
		.cents = CENTS_MIN + (uint32_t) random_below(&random, CENTS_MAX - CENTS_MIN + 1),
	};
	request_id_make(seed, run, shop_path_mode(path), number, id);
	uuid_format(id, order->id);
}

void
shop_type(uint32_t run, char *type)
{
	snprintf(type, SHOP_TYPE_SIZE, "order-%u", (unsigned) run);
}

void
shop_topic(uint32_t run, char *topic)
{
	char type[SHOP_TYPE_SIZE];

	shop_type(run, type);
	snprintf(topic, SHOP_TOPIC_SIZE, "outbox.event.%s", type);
}

int64_t
shop_amount(Service service, const ShopOrder *order)
{
	switch (service)
	{
		case SERVICE_INVENTORY:
			return order->quantity;
		case SERVICE_PRICING:
		case SERVICE_AUDIT:
			return (int64_t) order->quantity * order->cents;
		case SERVICE_RECOMMENDATION:
		case SERVICE_COUNT:
			break;
	}
	return 1;
}

/* -------------------------------------------------------------------------
 * the source
 * ------------------------------------------------------------------------- */

void
shop_source_schema(Buffer *sql)
{
	buffer_append_str(
		sql,
		"DROP SCHEMA IF EXISTS shop CASCADE;"
		"CREATE SCHEMA shop;"
		"CREATE SEQUENCE shop.version;"
		"CREATE TABLE shop.product (path text, product integer, PRIMARY KEY (path, product));"
		"CREATE TABLE shop.orders ("
		" path text NOT NULL,"
		" order_id uuid PRIMARY KEY,"
		" product integer NOT NULL,"
		" version bigint NOT NULL,"
		" quantity integer NOT NULL,"
		" cents integer NOT NULL);"
		"CREATE FUNCTION shop.place(in_path text, in_id uuid, in_product integer,"
		" in_quantity integer, in_cents integer, in_type text) RETURNS bigint"
		" LANGUAGE plpgsql AS $$"
		" DECLARE new_version bigint;"
		" BEGIN"
		"  PERFORM 1 FROM shop.product WHERE path = in_path AND product = in_product FOR UPDATE;"
		"  new_version := nextval('shop.version');"
		"  INSERT INTO shop.orders"
		"  VALUES (in_path, in_id, in_product, new_version, in_quantity, in_cents);"
		"  IF in_type IS NOT NULL THEN"
		"   PERFORM outbox.emit(in_type, in_product::text, 'OrderPlaced', json_build_object("
		"    'order_id', in_id, 'version', new_version, 'quantity', in_quantity,"
		"    'cents', in_cents));"
		"  END IF;"
		"  RETURN new_version;"
		" END $$;");
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
		buffer_printf(sql,
					  "INSERT INTO shop.product SELECT '%s', i FROM generate_series(0, %d) AS i;",
					  shop_path_name((ShopPath) path), SHOP_PRODUCTS - 1);
}

void
shop_place_sql(const ShopOrder *order, uint32_t run, ShopPath path, char *sql)
{
	char type[SHOP_TYPE_SIZE];
	char quoted[SHOP_TYPE_SIZE + 2];

	shop_type(run, type);
	snprintf(quoted, sizeof(quoted), "'%s'", type);
	snprintf(sql, SHOP_SQL_SIZE, "BEGIN; SELECT shop.place('%s', '%s', %u, %u, %u, %s)",
			 shop_path_name(path), order->id, (unsigned) order->product, (unsigned) order->quantity,
			 (unsigned) order->cents, path == SHOP_OUTBOX ? quoted : "NULL");
}

/* -------------------------------------------------------------------------
 * a service
 * ------------------------------------------------------------------------- */

void
shop_service_schema(Service service, Buffer *sql)
{
	const char *rows = tables[service].rows;
	const char *state = tables[service].state;

	buffer_printf(sql,
				  "CREATE TABLE %s ("
				  " n bigserial PRIMARY KEY,"
				  " path text NOT NULL,"
				  " order_id uuid NOT NULL,"
				  " product integer NOT NULL,"
				  " version bigint NOT NULL,"
				  " quantity integer NOT NULL,"
				  " cents integer NOT NULL,"
				  " stored_at timestamptz NOT NULL DEFAULT clock_timestamp());"
				  "CREATE INDEX ON %s (order_id);"
				  "CREATE TABLE %s ("
				  " path text NOT NULL,"
				  " product integer NOT NULL,"
				  " version bigint NOT NULL,"
				  " total bigint NOT NULL,"
				  " PRIMARY KEY (path, product));",
				  rows, rows, state);
	buffer_printf(sql,
				  "CREATE FUNCTION accept(path text, order_id uuid, product integer,"
				  " version bigint, quantity integer, cents integer) RETURNS void"
				  " LANGUAGE sql AS $$"
				  " INSERT INTO %s (path, order_id, product, version, quantity, cents)"
				  " VALUES ($1, $2, $3, $4, $5, $6);"
				  " INSERT INTO %s AS s VALUES ($1, $3, $4, %s) ON CONFLICT (path, product)"
				  " DO UPDATE SET version = EXCLUDED.version, total = s.total + EXCLUDED.total"
				  "$$;",
				  rows, state, tables[service].amount);
}

void
shop_accept_sql(const ShopOrder *order, ShopPath path, char *sql)
{
	snprintf(sql, SHOP_SQL_SIZE, "SELECT accept('%s', '%s', %u, %lld, %u, %u)",
			 shop_path_name(path), order->id, (unsigned) order->product, (long long) order->version,
			 (unsigned) order->quantity, (unsigned) order->cents);
}

void
shop_service_handlers(Service service, uint32_t run, Buffer *ini)
{
	char topic[SHOP_TOPIC_SIZE];

	shop_topic(run, topic);
	buffer_printf(ini,
				  "[handler %s]\n"
				  "topic = %s\n"
				  "payload = jsonb\n"
				  "sql = INSERT INTO %s (path, order_id, product, version, quantity, cents)\n"
				  "	SELECT '%s', (payload->>'order_id')::uuid, key::integer,\n"
				  "	(payload->>'version')::bigint, (payload->>'quantity')::integer,\n"
				  "	(payload->>'cents')::integer\n"
				  "	FROM batch ORDER BY ordinality\n\n",
				  tables[service].rows, topic, tables[service].rows, shop_path_name(SHOP_OUTBOX));
	/* The version of the event that came last, whatever it is: events out of order would show. */
	buffer_printf(ini,
				  "[handler %s]\n"
				  "topic = %s\n"
				  "payload = jsonb\n"
				  "sql = INSERT INTO %s AS s (path, product, version, total)\n"
				  "	SELECT '%s', product, (array_agg(version ORDER BY ordinality DESC))[1],\n"
				  "	sum(%s) FROM (SELECT ordinality, key::integer AS product,\n"
				  "	(payload->>'version')::bigint AS version,\n"
				  "	(payload->>'quantity')::bigint AS quantity,\n"
				  "	(payload->>'cents')::bigint AS cents FROM batch) AS o GROUP BY product\n"
				  "	ON CONFLICT (path, product) DO UPDATE SET version = EXCLUDED.version,\n"
				  "	total = s.total + EXCLUDED.total\n",
				  tables[service].state, topic, tables[service].state, shop_path_name(SHOP_OUTBOX),
				  tables[service].amount);
}

const char *
shop_rows_table(Service service)
{
	return tables[service].rows;
}

const char *
shop_state_table(Service service)
{
	return tables[service].state;
}
