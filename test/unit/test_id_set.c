/*
 * test_id_set.c
 *	  Ids of events, each with what is known of it.
 */
#include "unit.h"

#include "id_set.h"

#define IDS 5000

static void
make_id(uint32_t number, uint8_t *id)
{
	/* As of one moment: only the last bytes differ. */
	memset(id, 7, UUID_SIZE);
	memcpy(id + UUID_SIZE - sizeof(number), &number, sizeof(number));
}

static void
keeps_every_id_once(void **state)
{
	IdSet *set = id_set_create(IDS);
	uint8_t id[UUID_SIZE];
	uint64_t cursor = 0;
	uint64_t sum = 0;
	uint64_t entries = 0;
	const IdEntry *entry;

	(void) state;
	for (int round = 1; round <= 2; round++)
	{
		for (uint32_t i = 0; i < IDS; i++)
		{
			make_id(i, id);
			assert_int_equal(id_set_find(set, id) != NULL, round == 2);
			id_set_add(set, id)->found++;
			assert_int_equal(id_set_find(set, id)->found, round);
		}
	}
	assert_int_equal(id_set_count(set), IDS);
	while ((entry = id_set_next(set, &cursor)) != NULL)
	{
		uint32_t number;

		memcpy(&number, entry->id + UUID_SIZE - sizeof(number), sizeof(number));
		sum += number;
		entries++;
		assert_int_equal(entry->stored, 0);
	}
	assert_int_equal(entries, IDS);
	assert_int_equal(sum, (uint64_t) IDS * (IDS - 1) / 2);
	id_set_free(set);
}

static void
refuses_one_more(void **state)
{
	(void) state;
	for (uint64_t room = 0; room < 20; room++)
	{
		IdSet *set = id_set_create(room);
		uint8_t id[UUID_SIZE];

		for (uint32_t i = 0; i < room; i++)
		{
			make_id(i, id);
			assert_non_null(id_set_add(set, id));
		}
		make_id((uint32_t) room, id);
		assert_null(id_set_add(set, id));
		assert_null(id_set_find(set, id));
		assert_int_equal(id_set_count(set), room);
		if (room > 0)
		{
			make_id(0, id);
			assert_non_null(id_set_add(set, id)); /* it is there */
		}
		id_set_free(set);
	}
	assert_null(id_set_create(UINT64_MAX));
	id_set_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_every_id_once),
		cmocka_unit_test(refuses_one_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
