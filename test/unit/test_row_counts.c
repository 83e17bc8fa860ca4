/*
 * test_row_counts.c
 *	  What is counted again and what isn't.  The table is made up here: rows with numbers 1 to
 *	  "there", all of one mode, of which those up to "settled" can't change any more.
 */
#include "unit.h"

#include <inttypes.h>

#include "row_counts.h"

static int64_t there, settled;
static int64_t looked_from; /* where the last count began */
static bool away;

bool
pg_session_number(PgSession *session, const char *sql, int64_t *number, Error *error)
{
	(void) session;
	if (away)
		return error_transient(error, "away");
	*number = strstr(sql, "stored_at") != NULL ? settled : there;
	return true;
}

bool
pg_session_each(PgSession *session, const char *sql, PgRowVisitor visit, void *arg, Error *error)
{
	const char *where = strstr(sql, "n > ");
	int64_t up_to;
	char count[32];
	char newest[32];
	const char *const columns[] = {"outbox", count, newest};

	(void) session;
	if (away)
		return error_transient(error, "away");
	assert_non_null(where);
	assert_int_equal(sscanf(where, "n > %" SCNd64 " AND n <= %" SCNd64, &looked_from, &up_to), 2);
	if (up_to > there)
		up_to = there;
	if (up_to <= looked_from)
		return true;
	snprintf(count, sizeof(count), "%" PRId64, up_to - looked_from);
	snprintf(newest, sizeof(newest), "%" PRId64, up_to * 10);
	return visit(columns, arg, error);
}

static void
counted_once(void **state)
{
	int64_t rows[MODE_COUNT];
	UnixUsec newest[MODE_COUNT];
	RowCounts counts;
	Error error;

	(void) state;
	there = 100;
	assert_true(row_counts_begin(&counts, NULL, &error));
	assert_true(row_counts_look(&counts, NULL, rows, newest, &error));
	assert_int_equal(rows[MODE_OUTBOX], 0);
	assert_int_equal(newest[MODE_OUTBOX], 0);

	/* A long tail is cut as soon as it can be. */
	there = 30100;
	settled = 100;
	for (int i = 0; i < 2; i++)
	{
		assert_true(row_counts_look(&counts, NULL, rows, newest, &error));
		assert_int_equal(rows[MODE_OUTBOX], 30000);
		assert_int_equal(looked_from, 100);
	}
	settled = 25100;
	assert_true(row_counts_look(&counts, NULL, rows, newest, &error));
	assert_int_equal(rows[MODE_OUTBOX], 30000);
	there = 30200;
	assert_true(row_counts_look(&counts, NULL, rows, newest, &error));
	assert_int_equal(looked_from, 25100);
	assert_int_equal(rows[MODE_OUTBOX], 30100);
	assert_int_equal(newest[MODE_OUTBOX], 302000);
	assert_int_equal(rows[MODE_DIRECT], 0);

	/* The newest is known when the tail is empty, and a look that fails changes nothing. */
	away = true;
	assert_false(row_counts_look(&counts, NULL, rows, newest, &error));
	away = false;
	there = 25100;
	assert_true(row_counts_look(&counts, NULL, rows, newest, &error));
	assert_int_equal(rows[MODE_OUTBOX], 25000);
	assert_int_equal(newest[MODE_OUTBOX], 251000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counted_once),
	};

	return cmocka_run_group_tests_name("row_counts", tests, NULL, NULL);
}
