/*
 * test_no_memory_consumer.c
 *	  The consumer's pure modules when there is no memory: it is said, nothing is half there, and
 *	  the next attempt does it.
 */
#include "scarce.h"

#include "batch.h"
#include "handlers.h"
#include "partitions.h"
#include "pg_encode.h"
#include "positions.h"
#include "record.h"
#include "topic_match.h"

/* -------------------------------------------------------------------------
 * handlers
 * ------------------------------------------------------------------------- */

static bool
handlers_are_ready(Error *error)
{
	Handlers handlers;
	int index = -2;
	bool ok;

	handlers_init(&handlers);
	ok =
		handlers_add(&handlers, "a", "topic-a", "jsonb", "SELECT headers FROM batch", "x", error) &&
		handlers_add(&handlers, "b", "^topic-[b-z]", NULL, "TABLE batch_latest", "x", error) &&
		handlers_add(&handlers, "c", NULL, NULL, "SELECT id FROM batch", "x", error);
	if (ok && !handlers_subscribe(&handlers, "letters", error))
	{
		ok = false;
		assert_int_equal(handlers.subscribed_count, 0);
		assert_true(handlers_subscribe(&handlers, "letters", error));
	}
	if (handlers.subscribed_count > 0)
	{
		assert_int_equal(handlers.subscribed_count, 3);
		if (!handlers_meet(&handlers, "topic-x", &index, error))
		{
			ok = false;
			assert_int_equal(handlers.topic_count, 2);
			assert_true(handlers_meet(&handlers, "topic-x", &index, error));
		}
		assert_int_equal(index, 2);
		assert_true(handlers.items[1].takes[2] && !handlers.items[0].takes[2]);
	}
	/* What was refused isn't in the list. */
	for (int i = 0; i < handlers.count; i++)
		assert_non_null(handlers.items[i].sql);
	handlers_free(&handlers);
	return ok;
}

static void
handlers_and_topics(void **state)
{
	(void) state;
	scarce_each(handlers_are_ready);
}

static bool
expression_is_compiled(Error *error)
{
	TopicMatch *match = topic_match_create("^a+$", error);
	bool ok = match != NULL && topic_match(match, "aa");

	topic_match_free(match);
	return ok;
}

static bool
hidden_are_listed(Error *error)
{
	char *list = topic_hidden_list("letters");
	bool ok = list != NULL;

	(void) error;
	free(list);
	return ok;
}

static void
expressions(void **state)
{
	(void) state;
	scarce_each(expression_is_compiled);
	scarce_each(hidden_are_listed);
}

/* -------------------------------------------------------------------------
 * records
 * ------------------------------------------------------------------------- */

static bool
record_is_copied(Batch *batch, const InboxRecord *record)
{
	BatchRecord *to = batch_append(batch);

	if (to == NULL || !record_copy(record, true, batch, to))
		return false;
	batch_commit(batch);
	return true;
}

static bool
batch_fills(Error *error)
{
	static const uint8_t large[200000];
	static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	InboxHeader headers[] = {{view_of("own"), view_of("x")},
							 {view_of("traceparent"), view_of(parent)}};
	InboxRecord record = {.topic = "t",
						  .key = view_of("k"),
						  .value = {large, sizeof(large)},
						  .headers = headers,
						  .header_count = 2};
	bool ok = true;
	Batch batch;

	(void) error;
	batch_init(&batch, 1000, sizeof(large) * 10);
	for (size_t i = 0; i < 70; i++)
	{
		if (i > 0)
			record.value = view_of("v");
		if (record_is_copied(&batch, &record))
			continue;
		ok = false;
		/* One that has no room isn't there. */
		assert_int_equal(batch_left(&batch), i);
		assert_true(record_is_copied(&batch, &record));
	}
	assert_int_equal(batch_left(&batch), 70);
	for (size_t i = 0; i < 70; i++)
		assert_int_equal(batch.records[i].traceparent.len, 55);
	batch_free(&batch);
	return ok;
}

static void
a_batch(void **state)
{
	(void) state;
	scarce_each(batch_fills);
}

static TargetPlace
place(int slot, void *arg)
{
	(void) slot, (void) arg;
	return (TargetPlace){"t", 0};
}

/* Each of the statements in its turn, with the memory that the one before left. */
static bool
batch_is_encoded(Error *error)
{
	static Handlers handlers;
	Batch batch;
	PgParams params;
	TargetApply apply = {.batch = &batch, .count = 100, .place = place};
	TargetLetter letter = {.topic = "t", .sqlstate = "22P02", .message = "m"};
	size_t forgotten;
	bool wanted;
	bool ok;

	/* Of what comes before nothing fails. */
	short_memory_hush(true);
	handlers_init(&handlers);
	assert_true(handlers_add(&handlers, "t", NULL, "text", "TABLE batch_latest", "x", error));
	batch_init(&batch, 1000, 100000);
	for (int i = 0; i < 100; i++)
	{
		BatchRecord *record = batch_append(&batch);

		assert_non_null(record);
		record->has_uuid = record->has_position = true;
		record->by_id = i % 2 == 0;
		batch_commit(&batch);
	}
	short_memory_hush(false);
	pg_params_init(&params);
	ok = pg_encode_handler(&params, &handlers.items[0], &apply);
	pg_params_free(&params);
	ok = pg_encode_ids(&params, "g", 1, &handlers, 0, &apply, &wanted) && ok;
	pg_params_free(&params);
	ok = pg_encode_claims(&params, "g", 1, &handlers, &apply) && ok;
	pg_params_free(&params);
	ok = pg_encode_forgotten(&params, "g", &handlers, &apply, &forgotten) && ok;
	pg_params_free(&params);
	ok = pg_encode_letter(&params, "g", &letter) && ok;
	pg_params_free(&params);
	ok = pg_encode_moves(&params, "g", &apply) && ok;
	pg_params_free(&params);
	ok = pg_encode_positions(&params, "g", &apply) && ok;
	ok = pg_encode_handler(&params, &handlers.items[0], &apply) && ok;
	/* Whatever failed, the parameters are good for the next one. */
	assert_true(pg_encode_handler(&params, &handlers.items[0], &apply));
	assert_int_equal(params.picked_count, 100);
	pg_params_free(&params);
	batch_free(&batch);
	handlers_free(&handlers);
	return ok;
}

static void
parameters(void **state)
{
	(void) state;
	scarce_each(batch_is_encoded);
}

/* -------------------------------------------------------------------------
 * partitions
 * ------------------------------------------------------------------------- */

static bool
partitions_are_assigned(Error *error)
{
	PartitionTable table;
	bool ok = true;

	(void) error;
	partitions_init(&table);
	for (int i = 0; i < 5; i++)
	{
		if (partitions_assign(&table, "t", i, 0) >= 0)
			continue;
		ok = false;
		assert_int_equal(partitions_find(&table, "t", i), -1);
		assert_true(partitions_assign(&table, "t", i, 0) >= 0);
	}
	assert_int_equal(partitions_count(&table, PARTITION_ASSIGNED), 5);
	partitions_free(&table);
	return ok;
}

static bool
positions_are_noted(Error *error)
{
	PositionSet set;
	bool ok = true;

	(void) error;
	positions_init(&set);
	for (int i = 0; i < 20; i++)
	{
		Position position = {.generation = 1, .timeline = 1, .commit_lsn = 7};
		char source_id[10];
		PositionVerdict verdict;

		snprintf(source_id, sizeof(source_id), "s%d", i);
		verdict = positions_admit(&set, source_id, &position);
		if (verdict == POSITION_NO_MEMORY)
		{
			ok = false;
			assert_null(positions_find(&set, source_id));
			verdict = positions_admit(&set, source_id, &position);
		}
		assert_int_equal(verdict, POSITION_NEW);
		assert_int_equal(positions_admit(&set, source_id, &position), POSITION_REPEATED);
	}
	positions_free(&set);
	return ok;
}

static void
partitions_and_positions(void **state)
{
	(void) state;
	scarce_each(partitions_are_assigned);
	scarce_each(positions_are_noted);
}

/* Each part of a record has a block of its own to fail for. */
static bool
large_parts_are_copied(Error *error)
{
	static uint8_t large[200000];
	InboxHeader headers[] = {{view_of("type"), {large, sizeof(large)}},
							 {view_of("own"), {large, sizeof(large)}}};
	InboxRecord record = {.topic = "t",
						  .key = {large, sizeof(large)},
						  .value = {large, sizeof(large)},
						  .headers = headers,
						  .header_count = 2};
	Batch batch;
	bool ok;

	(void) error;
	memset(large, 'x', sizeof(large));
	batch_init(&batch, 10, sizeof(large) * 20);
	ok = record_is_copied(&batch, &record);
	if (!ok)
		assert_int_equal(batch_left(&batch), 0);
	batch_free(&batch);
	return ok;
}

static void
a_large_record(void **state)
{
	(void) state;
	scarce_each(large_parts_are_copied);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_large_record), cmocka_unit_test(handlers_and_topics),
		cmocka_unit_test(expressions),	  cmocka_unit_test(a_batch),
		cmocka_unit_test(parameters),	  cmocka_unit_test(partitions_and_positions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
