/*
 * test_consumer_judge.c
 *	  How the conductor has repetitions found out: what it makes of the headers of
 *	  a record, for each way that a topic may go by.
 *
 * The partition has the records of a row; the target keeps what it is given to apply.
 */
#include "consumer_fakes.h"
#include "exit_codes.h"

#define HEADERS_MAX 4
#define RECORDS_MAX 8

typedef struct FakeRecord
{
	const char *headers[HEADERS_MAX][2]; /* name and value */
} FakeRecord;

static Scene scene;
static const FakeRecord *given;
static BatchRecord applied[RECORDS_MAX]; /* bytes aren't valid any more */
static size_t applied_count;
static int64_t reached;				   /* commit LSN of the position that moved; -1: none */
static const char *on_error;		   /* of the handler; NULL: the default */
static bool reads_headers;			   /* the handler */
static char letters[RECORDS_MAX * 64]; /* offset and message of each */

static void
add_headers(InboxRecord *record)
{
	static InboxHeader headers[HEADERS_MAX];
	const FakeRecord *from = &given[record->offset];
	size_t count = 0;

	for (; count < HEADERS_MAX && from->headers[count][0] != NULL; count++)
		headers[count] =
			(InboxHeader){view_of(from->headers[count][0]), view_of(from->headers[count][1])};
	record->headers = headers;
	record->header_count = count;
}

static void
judge_and_keep(FakeTarget *target, const TargetApply *apply)
{
	(void) target;
	for (size_t i = 0; i < apply->count; i++)
	{
		BatchRecord *record = &apply->batch->records[apply->batch->head + i];

		/* What this target knows: the id of this name. */
		record->known = record->by_id && strcmp(record->id, "known") == 0;
		assert_true(applied_count < RECORDS_MAX);
		applied[applied_count++] = *record;
	}
	if (apply->letter != NULL)
		snprintf(letters + strlen(letters), sizeof(letters) - strlen(letters), "%lld %s %s; ",
				 (long long) apply->letter->offset, apply->letter->sqlstate,
				 apply->letter->message);
	if (apply->position_count > 0)
		reached = (int64_t) apply->positions[0].position.commit_lsn;
}

/* Runs the consumer over the records. */
static void
consume(const char *dedupe, const FakeRecord *records, size_t count)
{
	Error error;

	error_clear(&error);
	scene_init(&scene);
	scene.inbox.fill = add_headers;
	scene.inbox.end = (int64_t) count;
	scene.target.look = judge_and_keep;
	given = records;
	applied_count = 0;
	letters[0] = '\0';
	reached = -1;
	scene.config.inbox_retention_usec = 7200 * SEC;
	scene.config.lag_interval_usec = 3600 * SEC;
	assert_true(handlers_set_rules(&scene.handlers, 0, dedupe, NULL, &error));
	assert_true(handlers_set_policy(&scene.handlers, on_error, NULL, &error));
	scene.handlers.topic_headers[0] = reads_headers;
	scene_start(&scene);
	(void) scene_run(&scene, 5 * SEC);
}

static void
finish(void)
{
	assert_int_equal(scene.inbox.anew, 0);
	assert_int_equal(scene.target.probes, 0);
	scene_close(&scene);
}

/* One record: n new by its own, r a repetition, i judged by id, k the same and known, d a dead letter. */
static char
verdict(const BatchRecord *record)
{
	if (record->dead)
		return 'd';
	if (record->repeated)
		return 'r';
	if (record->known)
		return 'k';
	return record->by_id ? 'i' : 'n';
}

static void
expect(const char *verdicts, int64_t position)
{
	char found[RECORDS_MAX + 1] = "";

	for (size_t i = 0; i < applied_count; i++)
		found[i] = verdict(&applied[i]);
	assert_string_equal(found, verdicts);
	assert_int_equal(reached, position);
}

#define ID "0190b2c4-1111-7222-8333-444455556666"

static const FakeRecord mixed[] = {
	{{{"id", ID}, {"outbox-position", "s/1.1/0/5/0"}}},
	{{{"id", ID}, {"outbox-position", "s/1.1/0/5/0"}}}, /* again */
	{{{"id", "known"}, {"outbox-replayed", "gap"}, {"outbox-created-at", "2026"}}},
	{{{"ce_id", "x"}, {"outbox-replayed", "s/1.1/0/1/0"}, {"outbox-position", "s/1.1/0/9/0"}}},
	{{{"id", "other"}}},
	{{{"id", ID}, {"outbox-position", "s/1.1/0/7/0"}}},
};

static void
by_position(void **state)
{
	(void) state;
	consume("position", mixed, LENGTH(mixed));
	/* A flagged event's position was not reached: the last one isn't below it. */
	expect("nrkiin", 7);
	assert_true(applied[2].flagged);
	assert_non_null(applied[2].created_at.data);
	assert_false(applied[4].flagged);
	assert_int_equal(scene.consumer->stats.applied, 4);
	assert_int_equal(scene.consumer->stats.duplicates, 2);
	assert_int_equal(scene.target.rotations, 1);
	finish();
}

static void
by_id(void **state)
{
	(void) state;
	consume("id", mixed, LENGTH(mixed));
	expect("iikiii", 7);
	finish();
}

static void
by_nothing(void **state)
{
	static const FakeRecord odd[] = {{{{"outbox-position", "nonsense"}}}, {{{NULL, NULL}}}};

	(void) state;
	consume("none", mixed, LENGTH(mixed));
	expect("nnnnnn", 7);
	assert_int_equal(scene.consumer->stats.duplicates, 0);
	assert_int_equal(scene.target.rotations, 0);
	finish();
	consume("none", odd, LENGTH(odd));
	expect("nn", -1);
	finish();
}

/* Where letters are made they go on; nothing of such a record moves a position or is judged. */
static void
what_cannot_be_judged_is_put_aside(void **state)
{
	static const FakeRecord records[] = {
		{{{"id", ID}, {"outbox-position", "s/1.1/0/5/0"}}},
		{{{"id", "a"}, {"outbox-position", "s/1.1/0/FFFFFFFFFFFFFFFFF/0"}}},
		{{{"id", "b"}, {"outbox-position", "s/1.1/0/-6/0"}}},
		{{{"outbox-replayed", "gap"}, {"outbox-position", "s/1.1/0/9/0"}}},
		{{{"id", "c"}, {"outbox-position", "s/1.1/0/7/0"}}},
		{{{"outbox-position", ""}}},
	};

	(void) state;
	consume("position", records, LENGTH(records));
	expect("ndddnd", 7);
	assert_string_equal(letters,
						"1 OBX05 the record has an invalid header \"outbox-position\"; "
						"2 OBX05 the record has an invalid header \"outbox-position\"; "
						"3 OBX05 the record is a replayed event without an id to judge it by; "
						"5 OBX05 the record has an invalid header \"outbox-position\"; ");
	assert_int_equal(scene.consumer->stats.applied, 2);
	assert_int_equal(scene.consumer->dead_lettered[scene.handlers.count], 4);
	assert_int_equal(scene.target.next, LENGTH(records));
	finish();
}

/* However large: what is kept for a dead letter, and what a handler that reads headers gets. */
static void
headers_that_are_large(void **state)
{
	static char large[17 * 1024 * 1024];
	const FakeRecord records[] = {
		{{{"id", "a"}}},
		{{{"id", "b"}, {"own", large}}},
		{{{"id", "c"}}},
	};
	const Error *error;

	(void) state;
	memset(large, 'x', sizeof(large) - 1);
	consume("position", records, LENGTH(records));
	expect("iii", -1);
	assert_int_equal(applied[1].raw_headers.len, 2 + 1 + 3 + strlen(large) + 4 * 4);
	finish();

	reads_headers = true;
	consume("position", records, LENGTH(records));
	expect("idi", -1);
	assert_string_equal(letters,
						"1 OBX05 the record has headers that are larger than 16 MB as JSON; ");
	finish();
	on_error = "stop";
	consume("position", records, LENGTH(records));
	expect("i", -1);
	assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_DATA);
	assert_non_null(strstr(error->message, "offset 1 has headers that are larger"));
	finish();
	on_error = NULL;
	reads_headers = false;
}

/* Each stops at its second record, with the first applied. */
static void
what_cannot_be_judged(void **state)
{
	static const struct
	{
		const char *dedupe;
		const char *on_error;
		FakeRecord records[2];
		const char *words;
	} rows[] = {
		{"position", "stop", {{{{"id", "a"}}}, {{{"outbox-replayed", "gap"}}}}, "without an id"},
		{"position",
		 "stop",
		 {{{{NULL, NULL}}}, {{{"id", ""}, {"outbox-replayed", "gap"}}}},
		 "without an id"},
		{"position", "stop", {{{{"id", "a"}}}, {{{"outbox-position", "x"}}}}, "invalid header"},
		{"id", NULL, {{{{"id", "a"}}}, {{{"outbox-position", "s/1.1/0/5/0"}}}}, "has no id"},
		{"id", NULL, {{{{"id", "a"}}}, {{{NULL, NULL}}}}, "has no id"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		const Error *error;

		on_error = rows[i].on_error;
		consume(rows[i].dedupe, rows[i].records, 2);
		on_error = NULL;
		assert_int_equal(applied_count, 1);
		assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_DATA);
		if (strstr(error->message, rows[i].words) == NULL ||
			strstr(error->message, "offset 1") == NULL)
			fail_msg("row %zu: %s", i, error->message);
		finish();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_position),
		cmocka_unit_test(by_id),
		cmocka_unit_test(by_nothing),
		cmocka_unit_test(what_cannot_be_judged_is_put_aside),
		cmocka_unit_test(headers_that_are_large),
		cmocka_unit_test(what_cannot_be_judged),
	};

	return cmocka_run_group_tests_name("consumer_judge", tests, NULL, NULL);
}
