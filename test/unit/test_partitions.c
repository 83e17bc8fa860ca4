/*
 * test_partitions.c
 *	  Slots, lag, and the record that tells a topic from its successor.
 */
#include "unit.h"

#include "partitions.h"

static void
slots_are_found_and_used_again(void **state)
{
	PartitionTable table;
	int a;
	int b;

	(void) state;
	partitions_init(&table);
	a = partitions_assign(&table, "t", 0, 0);
	b = partitions_assign(&table, "t", 1, 0);
	assert_int_not_equal(a, b);
	assert_int_equal(partitions_find(&table, "t", 1), b);
	assert_int_equal(partitions_find(&table, "u", 1), -1);
	assert_int_equal(partitions_count(&table, PARTITION_ASSIGNED), 2);
	assert_int_equal(table.items[a].next_offset, -1);
	partitions_release(&table, a);
	partitions_release(&table, a);
	assert_int_equal(partitions_find(&table, "t", 0), -1);
	assert_int_equal(partitions_assign(&table, "u", 5, 1), a);
	assert_int_equal(table.count, 2);
	/* Assigned again: what was known is forgotten. */
	table.items[a].next_offset = 9;
	a = partitions_assign(&table, "u", 5, 1);
	assert_int_equal(table.items[a].next_offset, -1);
	partitions_free(&table);
}

static void
lag_is_what_the_target_lacks(void **state)
{
	static const struct
	{
		int64_t next, first, received, end, eof, lag;
	} rows[] = {
		{-1, -1, 0, -1, -1, -1},
		{-1, -1, 0, 10, -1, -1},
		{-1, 4, 0, 10, -1, 6},
		/* Nothing was ever in it. */
		{-1, -1, 0, 0, -1, 0},
		{5, 0, 5, -1, -1, -1},
		{5, 0, 5, 12, -1, 7},
		{12, 0, 12, 12, 12, 0},
		{12, 0, 12, 10, -1, 0},
		/* The mark of a transaction at 11 is no record. */
		{11, 0, 11, 12, 12, 0},
		/* But records that were read and aren't applied are. */
		{5, 0, 12, 12, 12, 7},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		Partition partition = {.next_offset = rows[i].next,
							   .first = rows[i].first,
							   .received = rows[i].received,
							   .end = rows[i].end,
							   .eof_offset = rows[i].eof};

		if (partition_lag(&partition) != rows[i].lag)
			fail_msg("row %zu: %lld", i, (long long) partition_lag(&partition));
	}
}

static void
another_record_at_the_same_offset(void **state)
{
	Partition partition = {.last_timestamp_ms = 1000, .last_id = "a"};

	(void) state;
	assert_true(partition_is_same(&partition, 1000, "a"));
	assert_false(partition_is_same(&partition, 1000, "b"));
	assert_false(partition_is_same(&partition, 1001, "a"));
	assert_false(partition_is_same(&partition, 1000, ""));
	/* What isn't known can't differ. */
	assert_true(partition_is_same(&partition, -1, "a"));
	partition.last_id[0] = '\0';
	assert_true(partition_is_same(&partition, 1000, "b"));
	partition.last_timestamp_ms = -1;
	assert_true(partition_is_same(&partition, 7, "b"));
}

static void
a_record_that_was_there_before_another(void **state)
{
	Partition partition = {.last_timestamp_ms = 5000, .moved_at_ms = 100000};

	(void) state;
	assert_true(partition_can_be_before(&partition, 0));
	assert_true(partition_can_be_before(&partition, 160000));
	assert_false(partition_can_be_before(&partition, 160001));
	assert_false(partition_can_be_before(&partition, INT64_MAX));
	/* A producer whose clock goes ahead has done so before. */
	partition.last_timestamp_ms = 200000;
	assert_true(partition_can_be_before(&partition, 260000));
	assert_false(partition_can_be_before(&partition, 260001));
	/* What isn't known can't be newer. */
	assert_true(partition_can_be_before(&partition, -1));
	partition.moved_at_ms = -1;
	assert_true(partition_can_be_before(&partition, INT64_MAX));
}

static void
a_partition_that_gives_nothing_stalls(void **state)
{
	const MonoUsec second = USEC_PER_SEC;
	Partition partition = {
		.state = PARTITION_ACTIVE, .received = 5, .eof_offset = -1, .quiet_at = -1};

	(void) state;
	/* The time runs from the first look at which nothing more had come. */
	assert_false(partition_stalls(&partition, 9, 100 * second));
	assert_false(partition_stalls(&partition, 9, 119 * second));
	assert_true(partition_stalls(&partition, 9, 120 * second));
	/* Twice as long the next time, and no longer than sixteen times. */
	assert_false(partition_stalls(&partition, 9, 159 * second));
	assert_true(partition_stalls(&partition, 9, 160 * second));
	for (MonoUsec now = 1000 * second; now < 10000 * second; now += 320 * second)
		assert_true(partition_stalls(&partition, 9, now));
	/* Something came: it is as good as new. */
	partition.received = 6;
	assert_false(partition_stalls(&partition, 9, 20000 * second));
	assert_true(partition_stalls(&partition, 9, 20020 * second));
}

static void
a_partition_without_records_does_not_stall(void **state)
{
	const MonoUsec second = USEC_PER_SEC;
	Partition partition = {
		.state = PARTITION_ACTIVE, .received = 9, .eof_offset = -1, .quiet_at = 9};

	(void) state;
	assert_false(partition_stalls(&partition, 9, 1000 * second));
	/* They come now: since now it waits. */
	assert_false(partition_stalls(&partition, 10, 1019 * second));
	assert_true(partition_stalls(&partition, 10, 1020 * second));
	/* Paused for long, then resumed. */
	partition.paused = true;
	assert_false(partition_stalls(&partition, 10, 2000 * second));
	partition.paused = false;
	assert_false(partition_stalls(&partition, 10, 2039 * second));
	assert_true(partition_stalls(&partition, 10, 2040 * second));
	/* Behind the last record there are marks of transactions alone. */
	partition.eof_offset = 10;
	assert_false(partition_stalls(&partition, 10, 3000 * second));
	assert_false(partition_stalls(&partition, 10, 4000 * second));
}

static void
a_rebalance_is_no_rival(void **state)
{
	const MonoUsec second = USEC_PER_SEC;
	const MonoUsec session = 10 * second;
	Partition partition = {.state = PARTITION_ACTIVE};

	(void) state;
	/* The old owner's last batch. */
	assert_true(partition_yields(&partition, 1000 * second, session));
	assert_int_equal(partition.fenced, 1);
	/* Much later we were stopped: until we hear that it isn't ours any more. */
	for (MonoUsec now = 5000 * second; now < 5000 * second + session; now += second / 20)
		assert_true(partition_yields(&partition, now, session));
	assert_int_equal(partition.fenced, 2);
	/* It is ours as before, and somebody moves it. */
	assert_false(partition_yields(&partition, 5000 * second + session, session));
}

static void
a_rival_is_found(void **state)
{
	const MonoUsec second = USEC_PER_SEC;
	Partition partition = {.state = PARTITION_ACTIVE};
	MonoUsec now = 1000 * second;

	(void) state;
	/* All the time: after two sessions. */
	while (partition_yields(&partition, now, 10 * second))
		now += second;
	assert_int_equal(now, 1020 * second);
	/* Now and then: the third time. */
	partition = (Partition){.state = PARTITION_ACTIVE};
	assert_true(partition_yields(&partition, 1000 * second, 10 * second));
	assert_true(partition_yields(&partition, 2000 * second, 10 * second));
	assert_false(partition_yields(&partition, 3000 * second, 10 * second));
}

/* That reading ends before the progress means something only of a partition that is read as usual. */
static void
an_end_before_the_progress(void **state)
{
	Partition partition = {.state = PARTITION_ACTIVE, .received = 10};

	(void) state;
	partition_ended(&partition, 9);
	assert_true(partition.short_of_progress);
	assert_int_equal(partition.eof_offset, 9);
	partition_ended(&partition, 10);
	assert_false(partition.short_of_progress);
	partition.rewind = true;
	partition_ended(&partition, 9);
	assert_false(partition.short_of_progress);
	partition.rewind = false;
	partition.verify = true;
	partition_ended(&partition, 9);
	assert_false(partition.short_of_progress);
	partition.verify = false;
	partition.look_back = true;
	partition_ended(&partition, 9);
	assert_false(partition.short_of_progress);
	partition.look_back = false;
	partition.state = PARTITION_KNOWN;
	partition_ended(&partition, 9);
	assert_false(partition.short_of_progress);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_end_before_the_progress),
		cmocka_unit_test(slots_are_found_and_used_again),
		cmocka_unit_test(lag_is_what_the_target_lacks),
		cmocka_unit_test(a_record_that_was_there_before_another),
		cmocka_unit_test(a_partition_that_gives_nothing_stalls),
		cmocka_unit_test(a_partition_without_records_does_not_stall),
		cmocka_unit_test(another_record_at_the_same_offset),
		cmocka_unit_test(a_rebalance_is_no_rival),
		cmocka_unit_test(a_rival_is_found),
	};

	return cmocka_run_group_tests_name("partitions", tests, NULL, NULL);
}
