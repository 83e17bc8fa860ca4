/*
 * test_place.c
 *	  Where an event goes within its topic, by the table of docs/protocol.md.
 */
#include "unit.h"

#include "kafka_partition.h"

typedef struct Place
{
	const char *key;
	int32_t of_3;
	int32_t of_12;
} Place;

/* Kafka's Java clients say so. */
static const Place places[] = {
	{"", 0, 9},
	{"r-1", 2, 11},
	{"ride-42", 1, 7},
	{"Z\xc3\xbcrich", 1, 1},
	{"0190b2c4-1111-7222-8333-444455556666", 0, 0},
};

static int32_t
place(const char *key, uint32_t count, int32_t given)
{
	RoutedEvent event = {
		.partition_key = view_of(key), .partition_count = count, .partition = given};

	return kafka_partition(&event);
}

static void
keys_lie_where_java_clients_put_them(void **state)
{
	(void) state;
	/* The empty key has to be one thing, always: not a random partition. */
	for (int again = 0; again < 16; again++)
	{
		for (size_t i = 0; i < LENGTH(places); i++)
		{
			assert_int_equal(place(places[i].key, 3, PARTITION_BY_KEY), places[i].of_3);
			assert_int_equal(place(places[i].key, 12, PARTITION_BY_KEY), places[i].of_12);
			assert_int_equal(place(places[i].key, 1, PARTITION_BY_KEY), 0);
		}
	}
}

static void
a_given_partition_is_taken(void **state)
{
	(void) state;
	for (int32_t given = 0; given < 12; given++)
	{
		for (size_t i = 0; i < LENGTH(places); i++)
			assert_int_equal(place(places[i].key, 12, given), given);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_lie_where_java_clients_put_them),
		cmocka_unit_test(a_given_partition_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
