/*
 * test_batch.c
 *	  Records stay in order, their bytes stay where they are, limits hold.
 */
#include "unit.h"

#include "batch.h"

static void
add(Batch *batch, int slot, int64_t offset, const char *value)
{
	BatchRecord *record = batch_append(batch);

	assert_non_null(record);
	record->slot = slot;
	record->offset = offset;
	assert_true(batch_copy(batch, view_of(value), &record->value));
	batch_commit(batch);
}

static void
bytes_stay_while_it_grows(void **state)
{
	char *large = malloc(400001);
	Batch batch;
	char text[32];

	(void) state;
	memset(large, 'x', 400000);
	large[400000] = '\0';
	batch_init(&batch, 100000, 1 << 30);
	for (int i = 0; i < 20000; i++)
	{
		snprintf(text, sizeof(text), "value %d", i);
		add(&batch, 0, i, i % 5000 == 77 ? large : text);
	}
	for (int i = 0; i < 20000; i++)
	{
		snprintf(text, sizeof(text), "value %d", i);
		assert_true(view_equals(batch.records[i].value, view_of(i % 5000 == 77 ? large : text)));
	}
	batch_free(&batch);
	free(large);
}

static void
empty_is_not_null(void **state)
{
	Batch batch;
	ByteView to;

	(void) state;
	batch_init(&batch, 10, 1000);
	assert_true(batch_copy(&batch, view_of(""), &to));
	assert_non_null(to.data);
	assert_int_equal(to.len, 0);
	assert_true(batch_copy(&batch, (ByteView){NULL, 0}, &to));
	assert_null(to.data);
	batch_free(&batch);
}

static void
it_is_full_by_records_or_by_bytes(void **state)
{
	Batch batch;

	(void) state;
	batch_init(&batch, 3, 1 << 20);
	add(&batch, 0, 0, "a");
	add(&batch, 0, 1, "b");
	assert_false(batch_is_full(&batch));
	add(&batch, 0, 2, "c");
	assert_true(batch_is_full(&batch));
	batch_clear(&batch);
	assert_false(batch_is_full(&batch));
	assert_int_equal(batch_left(&batch), 0);
	batch_free(&batch);

	batch_init(&batch, 1000, 4 * sizeof(BatchRecord));
	for (int i = 0; i < 3; i++)
	{
		add(&batch, 0, i, "");
		assert_false(batch_is_full(&batch));
	}
	add(&batch, 0, 3, "");
	assert_true(batch_is_full(&batch));
	batch_free(&batch);
}

static void
a_record_that_is_not_committed_is_not_there(void **state)
{
	Batch batch;

	(void) state;
	batch_init(&batch, 10, 1000);
	add(&batch, 0, 5, "a");
	assert_non_null(batch_append(&batch));
	assert_int_equal(batch_left(&batch), 1);
	assert_int_equal(batch_append(&batch)->offset, 0);
	batch_free(&batch);
}

static void
taking_and_dropping(void **state)
{
	Batch batch;

	(void) state;
	batch_init(&batch, 100, 1 << 20);
	for (int i = 0; i < 10; i++)
		add(&batch, i % 2, i, "v");
	batch_take(&batch, 3);
	assert_int_equal(batch_left(&batch), 7);
	assert_int_equal(batch.records[batch.head].offset, 3);
	/* Of slot 1: 3, 5 are below 7. */
	assert_int_equal(batch_drop_below(&batch, 1, 7), 2);
	assert_int_equal(batch_drop_below(&batch, 1, 7), 0);
	assert_int_equal(batch_drop(&batch, 0), 3);
	assert_int_equal(batch_drop(&batch, 1), 2);
	/* What was taken is nobody's business any more. */
	assert_false(batch.records[1].dropped);
	assert_int_equal(batch_left(&batch), 7);
	batch_take(&batch, 100);
	assert_int_equal(batch_left(&batch), 0);
	batch_free(&batch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_stay_while_it_grows),
		cmocka_unit_test(empty_is_not_null),
		cmocka_unit_test(it_is_full_by_records_or_by_bytes),
		cmocka_unit_test(a_record_that_is_not_committed_is_not_there),
		cmocka_unit_test(taking_and_dropping),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
