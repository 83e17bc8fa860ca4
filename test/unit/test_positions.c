/*
 * test_positions.c
 *	  One comparison finds every repetition, for each source by itself.
 */
#include "unit.h"

#include "positions.h"
#include "random.h"

static Position
at(uint32_t generation, uint32_t timeline, PgLsn lsn, uint64_t ordinal)
{
	return (Position){generation, timeline, lsn, ordinal};
}

static void
at_or_below_the_highest_is_a_repetition(void **state)
{
	static const struct
	{
		Position position;
		PositionVerdict verdict;
	} rows[] = {
		{{1, 1, 100, 0}, POSITION_NEW},		 {{1, 1, 100, 0}, POSITION_REPEATED},
		{{1, 1, 100, 1}, POSITION_NEW},		 {{1, 1, 99, 7}, POSITION_REPEATED},
		{{1, 1, 100, 0}, POSITION_REPEATED}, {{1, 2, 50, 0}, POSITION_NEW},
		{{1, 1, 900, 0}, POSITION_REPEATED}, {{2, 1, 1, 0}, POSITION_NEW},
		{{1, 9, 900, 0}, POSITION_REPEATED},
	};
	PositionSet set;

	(void) state;
	positions_init(&set);
	for (size_t i = 0; i < LENGTH(rows); i++)
		assert_int_equal(positions_admit(&set, "a", &rows[i].position), rows[i].verdict);
	positions_free(&set);
}

static void
sources_do_not_know_each_other(void **state)
{
	PositionSet set;
	char source[16];
	Position low = at(1, 1, 5, 0);
	Position high = at(1, 1, 10, 0);

	(void) state;
	positions_init(&set);
	for (int i = 0; i < 40; i++)
	{
		snprintf(source, sizeof(source), "s%d", i);
		assert_null(positions_find(&set, source));
		assert_int_equal(positions_admit(&set, source, i % 2 ? &high : &low), POSITION_NEW);
	}
	for (int i = 0; i < 40; i++)
	{
		snprintf(source, sizeof(source), "s%d", i);
		assert_int_equal(positions_admit(&set, source, &high),
						 i % 2 ? POSITION_REPEATED : POSITION_NEW);
		assert_int_equal(positions_find(&set, source)->commit_lsn, 10);
	}
	positions_clear(&set);
	assert_null(positions_find(&set, "s1"));
	positions_free(&set);
}

/* Runs of a relay that crashes: each goes on at or below what was admitted. */
static void
runs_that_overlap_give_each_event_once(void **state)
{
	Random random;

	(void) state;
	random_seed(&random, 3);
	for (int round = 0; round < 200; round++)
	{
		PositionSet set;
		uint64_t sent = 0;
		uint64_t admitted = 0;

		positions_init(&set);
		while (admitted < 200)
		{
			uint64_t from = random_below(&random, sent + 1);
			uint64_t to = from + random_below(&random, 60);

			for (uint64_t n = from; n < to; n++)
			{
				Position position = at(1, 1, 8 * (n / 3 + 1), n % 3);

				if (positions_admit(&set, "a", &position) == POSITION_NEW)
					assert_int_equal(n, admitted++);
			}
			sent = to > sent ? to : sent;
		}
		positions_free(&set);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_or_below_the_highest_is_a_repetition),
		cmocka_unit_test(sources_do_not_know_each_other),
		cmocka_unit_test(runs_that_overlap_give_each_event_once),
	};

	return cmocka_run_group_tests_name("positions", tests, NULL, NULL);
}
