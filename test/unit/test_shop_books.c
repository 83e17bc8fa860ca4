/*
 * test_shop_books.c
 *	  The books of orders across services: what is partial, different, late, and where.
 */
#include "unit.h"

#include "clock.h"
#include "shop_books.h"

#define ORDERS 4
#define MS USEC_PER_MS

static ShopBooks *books;
static ShopPathResult result;

static ShopOrder
order_of(uint32_t number)
{
	return (ShopOrder){
		.product = number % 2, .quantity = 1 + number, .cents = 100, .version = 10 + number};
}

/* All are accepted, stored, and in every service that is called. */
static void
fill(ShopPath path)
{
	books = shop_books_create(path, ORDERS);
	assert_non_null(books);
	for (uint32_t n = 0; n < ORDERS; n++)
	{
		ShopOrder order = order_of(n);

		shop_books_offer(books, n, OUTCOME_ACCEPTED, n * 1000 * MS + 10 * MS, 10 * MS);
		shop_books_stored(books, n, &order);
	}
}

static void
hear(Service service, uint32_t number, int64_t at)
{
	ShopOrder order = order_of(number);

	shop_books_heard(books, service, number, &order, at);
}

static void
hear_all(Service service)
{
	for (uint32_t n = 0; n < ORDERS; n++)
		hear(service, n, n * 1000 * MS + 30 * MS);
}

/* What it adds up, as it should be. */
static void
add_up(Service service)
{
	int64_t totals[2] = {0, 0};
	int64_t versions[2] = {0, 0};

	for (uint32_t n = 0; n < ORDERS; n++)
	{
		ShopOrder order = order_of(n);

		totals[order.product] += shop_amount(service, &order);
		versions[order.product] = order.version;
	}
	for (uint32_t product = 0; product < 2; product++)
		shop_books_total(books, service, product, versions[product], totals[product]);
}

static void
close_books(int64_t back, bool quiet)
{
	ShopMoments moments = {.back_usec = back, .quiet = quiet};

	assert_true(shop_books_close(books, &moments, &result));
	for (int i = 0; i < SERVICE_COUNT; i++)
		assert_true(!result.services[i].present || result.services[i].totals.closes);
	shop_books_free(books);
}

static void
all_is_well(void **state)
{
	int64_t last;
	int64_t behind[ORDERS + 1];

	(void) state;
	fill(SHOP_OUTBOX);
	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		hear_all((Service) i);
		add_up((Service) i);
	}
	assert_true(shop_books_last(books, SERVICE_AUDIT, &last));
	assert_int_equal(last, 3030 * MS);
	shop_books_behind(books, SERVICE_PRICING, behind, LENGTH(behind));
	for (size_t i = 0; i < LENGTH(behind); i++)
		assert_int_equal(behind[i], 0);
	close_books(2 * USEC_PER_SEC, true);
	assert_int_equal(result.everywhere, ORDERS);
	assert_int_equal(result.partial, 0);
	assert_true(result.latency.max_ms == 10);
	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		assert_true(ledger_is_clean(&result.services[i].totals));
		assert_int_equal(result.services[i].different, 0);
	}
	assert_true(result.services[SERVICE_PRICING].lag.max_s == 0.02);
	assert_true(result.services[SERVICE_AUDIT].lag.max_s == NOT_SEEN);
	assert_true(result.services[SERVICE_PRICING].drain_s == 0);
}

/* Pricing hears of the second order late, and of the last one never. */
static void
one_is_late(void **state)
{
	int64_t behind[6];
	int64_t last;

	(void) state;
	fill(SHOP_OUTBOX);
	hear_all(SERVICE_INVENTORY);
	hear_all(SERVICE_RECOMMENDATION);
	add_up(SERVICE_INVENTORY);
	hear(SERVICE_PRICING, 0, 30 * MS);
	hear(SERVICE_PRICING, 1, 4500 * MS);
	hear(SERVICE_PRICING, 2, 4500 * MS);
	assert_false(shop_books_last(books, SERVICE_PRICING, &last));
	shop_books_behind(books, SERVICE_PRICING, behind, LENGTH(behind));
	assert_int_equal(behind[0], 0);
	assert_int_equal(behind[1], 1);
	assert_int_equal(behind[3], 3);
	assert_int_equal(behind[4], 1);
	assert_int_equal(behind[5], 1);
	close_books(2500 * MS, false);
	assert_int_equal(result.everywhere, 3);
	assert_int_equal(result.partial, 1);
	assert_int_equal(result.services[SERVICE_PRICING].totals.pending, 1);
	assert_int_equal(result.services[SERVICE_PRICING].totals.lost, 0);
	/* All that had been accepted by 2.5 s was there at 4.5 s. */
	assert_true(result.services[SERVICE_PRICING].drain_s == 2);
	assert_true(result.services[SERVICE_PRICING].lag.max_s == 3.49);
	assert_true(result.services[SERVICE_INVENTORY].drain_s == 0);
	/* Products of which nothing was added up, or too little. */
	assert_int_equal(result.services[SERVICE_PRICING].different, 2);
	assert_int_equal(result.services[SERVICE_INVENTORY].different, 0);
}

static void
never_drained(void **state)
{
	(void) state;
	fill(SHOP_OUTBOX);
	hear(SERVICE_PRICING, 1, 1030 * MS);
	close_books(USEC_PER_SEC, true);
	assert_true(result.services[SERVICE_PRICING].drain_s == NOT_DRAINED);
	assert_int_equal(result.services[SERVICE_PRICING].totals.lost, 3);
}

/* The second order is refused after inventory has committed it. */
static void
refused_halfway(void **state)
{
	ShopOrder order = order_of(1);

	(void) state;
	books = shop_books_create(SHOP_SYNC, 2);
	assert_non_null(books);
	shop_books_offer(books, 0, OUTCOME_ACCEPTED, 10 * MS, 10 * MS);
	shop_books_offer(books, 1, OUTCOME_REJECTED, 1010 * MS, 10 * MS);
	order = order_of(0);
	shop_books_stored(books, 0, &order);
	for (int i = 0; i < SERVICES_CALLED; i++)
	{
		hear((Service) i, 0, 5 * MS);
		shop_books_total(books, (Service) i, 0, order.version, shop_amount((Service) i, &order));
	}
	order = order_of(1);
	hear(SERVICE_INVENTORY, 1, 1005 * MS);
	shop_books_total(books, SERVICE_INVENTORY, 1, order.version,
					 shop_amount(SERVICE_INVENTORY, &order));
	close_books(USEC_PER_SEC, false);
	assert_int_equal(result.partial, 1);
	assert_int_equal(result.everywhere, 1);
	assert_int_equal(result.services[SERVICE_INVENTORY].totals.invented, 1);
	assert_int_equal(result.services[SERVICE_INVENTORY].totals.order_violations, 0);
	assert_int_equal(result.services[SERVICE_INVENTORY].different, 1);
	assert_int_equal(result.services[SERVICE_PRICING].totals.invented, 0);
	assert_int_equal(result.services[SERVICE_PRICING].different, 0);
	assert_false(result.services[SERVICE_AUDIT].present);
}

static void
says_something_else(void **state)
{
	ShopOrder order = order_of(2);

	(void) state;
	fill(SHOP_OUTBOX);
	hear(SERVICE_PRICING, 0, 30 * MS);
	hear(SERVICE_PRICING, 0, 40 * MS);
	order.cents++;
	shop_books_heard(books, SERVICE_PRICING, 2, &order, 2030 * MS);
	hear(SERVICE_PRICING, 3, 3030 * MS);
	hear(SERVICE_PRICING, 1, 3040 * MS);
	shop_books_stranger(books, SERVICE_PRICING);
	add_up(SERVICE_PRICING);
	close_books(0, true);
	assert_int_equal(result.services[SERVICE_PRICING].different, 1);
	assert_int_equal(result.services[SERVICE_PRICING].totals.duplicates, 1);
	/* The first came behind the third, of the same product. */
	assert_int_equal(result.services[SERVICE_PRICING].totals.order_violations, 1);
	assert_int_equal(result.services[SERVICE_PRICING].totals.invented, 1);
}

static void
orders(void **state)
{
	ShopOrder sync;
	ShopOrder outbox;
	ShopOrder other;
	char sql[SHOP_SQL_SIZE];
	uint32_t differ = 0;

	(void) state;
	for (uint32_t n = 0; n < 100; n++)
	{
		shop_order_make(&sync, 7, 1, SHOP_SYNC, n);
		shop_order_make(&outbox, 7, 1, SHOP_OUTBOX, n);
		shop_order_make(&other, 8, 1, SHOP_OUTBOX, n);
		assert_true(sync.product < SHOP_PRODUCTS && sync.quantity >= 1 && sync.cents >= 99);
		assert_int_equal(sync.product, outbox.product);
		assert_int_equal(sync.cents, outbox.cents);
		assert_string_not_equal(sync.id, outbox.id);
		differ += outbox.cents != other.cents;
	}
	assert_true(differ > 90);
	sync.version = 12;
	shop_accept_sql(&sync, SHOP_SYNC, sql);
	assert_non_null(strstr(sql, sync.id));
	shop_place_sql(&outbox, 3, SHOP_OUTBOX, sql);
	assert_non_null(strstr(sql, "'order-3')"));
	shop_place_sql(&sync, 3, SHOP_SYNC, sql);
	assert_non_null(strstr(sql, "NULL)"));
}

/* What no books were made for counts nowhere. */
static void
beyond_the_books(void **state)
{
	int64_t behind[3];
	ShopOrder order = order_of(0);

	(void) state;
	fill(SHOP_OUTBOX);
	shop_books_offer(books, ORDERS, OUTCOME_ACCEPTED, 1, 1);
	order.product = SHOP_PRODUCTS;
	shop_books_stored(books, 0, &order);
	shop_books_heard(books, SERVICE_PRICING, ORDERS, &order, 1);
	shop_books_total(books, SERVICE_PRICING, SHOP_PRODUCTS, 1, 1);
	/* Each second has those that are accepted and not there yet: 10 ms, 1010 ms, ... */
	shop_books_behind(books, SERVICE_PRICING, behind, 3);
	assert_int_equal(behind[0], 1);
	assert_int_equal(behind[1], 2);
	assert_int_equal(behind[2], 4); /* the last one has what is later, too */
	shop_books_behind(books, SERVICE_PRICING, behind, 0);
	assert_int_equal(behind[0], 1);
	shop_books_offer(books, 3, OUTCOME_REJECTED, 0, 0);
	shop_books_offer(books, 2, OUTCOME_ACCEPTED, 0, 0);
	shop_books_behind(books, SERVICE_PRICING, behind, 3);
	assert_int_equal(behind[0], 2);
	assert_int_equal(behind[2], 3);
	shop_books_free(books);
}

static void
schemas(void **state)
{
	Buffer sql;

	(void) state;
	buffer_init(&sql, 1 << 20);
	shop_source_schema(&sql);
	assert_false(sql.failed);
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
		assert_non_null(strstr(sql.data, shop_path_name((ShopPath) path)));
	buffer_free(&sql);
}

/* Whatever of an order is another one makes it different. */
static void
differs_in_one_thing(void **state)
{
	(void) state;
	for (int what = 0; what < 5; what++)
	{
		ShopOrder order = order_of(0);

		fill(SHOP_OUTBOX);
		hear_all(SERVICE_INVENTORY);
		add_up(SERVICE_INVENTORY);
		order.product += what == 0;
		order.version += what == 1;
		order.quantity += what == 2;
		order.cents += what == 3;
		shop_books_heard(books, SERVICE_INVENTORY, 0, &order, 5 * MS);
		shop_books_heard(books, SERVICE_INVENTORY, ORDERS, &order, 5 * MS);
		shop_books_stored(books, ORDERS, &order);
		assert_true(shop_books_close(books, &(ShopMoments){.quiet = true}, &result));
		shop_books_free(books);
		assert_int_equal(result.services[SERVICE_INVENTORY].different, what < 4);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differs_in_one_thing),
		cmocka_unit_test(beyond_the_books),
		cmocka_unit_test(schemas),
		cmocka_unit_test(all_is_well),
		cmocka_unit_test(one_is_late),
		cmocka_unit_test(never_drained),
		cmocka_unit_test(refused_halfway),
		cmocka_unit_test(says_something_else),
		cmocka_unit_test(orders),
	};

	return cmocka_run_group_tests_name("shop_books", tests, NULL, NULL);
}
