/*
 * test_http_clients.c
 *	  Who of the clients of an HTTP server has to go, and when.
 */
#include "unit.h"

#include "http_clients.h"

#define SEC USEC_PER_SEC

static HttpClients clients;

static HttpClient *
come(int fd, MonoUsec now)
{
	HttpClient *client = http_clients_add(&clients, fd, now);

	assert_non_null(client);
	return client;
}

static void
whoever_takes_too_long_goes(void **state)
{
	HttpClient *slow;
	HttpClient *other;

	(void) state;
	http_clients_init(&clients);
	assert_null(http_clients_next_to_go(&clients, 100 * SEC));
	slow = come(5, 100 * SEC);
	other = come(6, 110 * SEC);
	assert_null(http_clients_next_to_go(&clients, 129 * SEC));
	assert_ptr_equal(http_clients_next_to_go(&clients, 130 * SEC), slow);
	/* Once; until the library has closed it, it is still there. */
	assert_null(http_clients_next_to_go(&clients, 131 * SEC));
	assert_int_equal(clients.count, 1);
	http_clients_remove(&clients, slow);
	assert_int_equal(clients.count, 1);
	/* An answer that it has had is a new start. */
	other->since = 139 * SEC;
	assert_null(http_clients_next_to_go(&clients, 168 * SEC));
	assert_ptr_equal(http_clients_next_to_go(&clients, 169 * SEC), other);
	http_clients_remove(&clients, other);
	assert_int_equal(clients.count, 0);
	assert_null(http_clients_next_to_go(&clients, 200 * SEC));
}

static void
times_are_looked_at_once_a_second(void **state)
{
	const HttpClient *slow;

	(void) state;
	http_clients_init(&clients);
	slow = come(5, 0);
	assert_null(http_clients_next_to_go(&clients, 30 * SEC - 1));
	assert_null(http_clients_next_to_go(&clients, 30 * SEC));
	assert_ptr_equal(http_clients_next_to_go(&clients, 31 * SEC), slow);
}

static void
the_oldest_makes_room(void **state)
{
	HttpClient *all[HTTP_CLIENTS_MAX];

	(void) state;
	http_clients_init(&clients);
	for (int i = 0; i < HTTP_CLIENTS_MAX; i++)
		all[i] = come(10 + i, i);
	assert_null(http_clients_next_to_go(&clients, 100));
	/* This one has just been answered; the next is the oldest. */
	all[0]->since = 99;
	for (int i = 1; i <= 3; i++)
	{
		(void) come(200 + i, 100);
		assert_ptr_equal(http_clients_next_to_go(&clients, 100), all[i]);
		assert_null(http_clients_next_to_go(&clients, 100));
		assert_int_equal(clients.count, HTTP_CLIENTS_MAX);
	}
}

/* Those that are going are closed by and by. */
static void
there_is_room_for_so_many(void **state)
{
	(void) state;
	http_clients_init(&clients);
	for (int i = 0; i < HTTP_CLIENTS_ROOM; i++)
	{
		(void) come(10 + i, i);
		(void) http_clients_next_to_go(&clients, i);
	}
	assert_int_equal(clients.count, HTTP_CLIENTS_MAX);
	assert_null(http_clients_add(&clients, 500, 500));
	http_clients_remove(&clients, &clients.items[0]);
	assert_int_equal(clients.count, HTTP_CLIENTS_MAX);
	assert_ptr_equal(come(500, 500), &clients.items[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_takes_too_long_goes),
		cmocka_unit_test(times_are_looked_at_once_a_second),
		cmocka_unit_test(the_oldest_makes_room),
		cmocka_unit_test(there_is_room_for_so_many),
	};

	return cmocka_run_group_tests_name("http_clients", tests, NULL, NULL);
}
