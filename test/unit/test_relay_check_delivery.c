/*
 * test_relay_check_delivery.c
 *	  Where a stream begins with Kafka transactions, and what refuses to.
 */
#include "unit.h"

#include "exit_codes.h"
#include "relay_check_delivery.h"

#define GENERATION 2

typedef struct Case
{
	RelayFacts facts;
	DeliveryFacts delivery;
	TimelineHistory timelines;
	Position before;
	Position last;
	Position tail;
	DeliveryStart start;
	Error error;
} Case;

/* A registration on timeline 2, which began at 5000, with its mark at 7000. */
static Case *
new_case(bool exactly_once_before)
{
	static Case c;

	c = (Case){.facts = {.generation = GENERATION,
						 .source_id = "src",
						 .system_identifier = "77",
						 .start_lsn = 1000,
						 .mark_lsn = 7000,
						 .exactly_once = exactly_once_before,
						 .delivery_recorded = true}};
	timeline_init(&c.timelines, 2);
	c.timelines.entries[c.timelines.count++] = (TimelineEntry){1, 5000};
	c.delivery.exactly_once = true;
	c.delivery.written_on = "77";
	c.delivery.timelines = &c.timelines;
	c.delivery.flushed = 9000;
	error_clear(&c.error);
	return &c;
}

static void
set_last_position(Case *c, uint32_t timeline, PgLsn lsn, uint64_t ordinal)
{
	Position position = {GENERATION, timeline, lsn, ordinal};

	(void) position_format("src", &position, c->facts.last_position);
}

static void
set_before(Case *c, uint32_t generation, uint32_t timeline, PgLsn lsn, uint64_t ordinal)
{
	c->before = (Position){generation, timeline, lsn, ordinal};
	c->delivery.before = &c->before;
}

static bool
check(Case *c)
{
	return relay_check_delivery(&c->facts, &c->delivery, &c->start, &c->error);
}

static void
assert_begins(Case *c, PgLsn lsn, uint64_t ordinal)
{
	assert_true(check(c));
	assert_int_equal(c->start.before.commit_lsn, lsn);
	assert_int_equal(c->start.before.ordinal, ordinal);
	assert_int_equal(c->start.before.generation, GENERATION);
	assert_int_equal(c->start.before.timeline, timeline_of(&c->timelines, lsn));
}

static void
assert_refused(Case *c, int exit_code, const char *text)
{
	assert_false(check(c));
	assert_int_equal(c->error.error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(c->error.exit_code, exit_code);
	assert_non_null(strstr(c->error.message, text));
	assert_true(c->error.hint[0] != '\0');
}

static void
goes_on_where_kafka_is(void **state)
{
	Case *c = new_case(true);

	(void) state;
	set_last_position(c, 2, 6900, 3);
	set_before(c, GENERATION, 2, 8000, 0);
	assert_begins(c, 8000, 0);
	assert_false(c->start.anchor);
	assert_false(c->start.record);
	/* At least once follows: the same place, and the mode is recorded. */
	c->delivery.exactly_once = false;
	assert_begins(c, 8000, 0);
	assert_false(c->start.anchor);
	assert_true(c->start.record);
	/* The mark may be above it: nothing of ours came since. */
	set_before(c, GENERATION, 2, 6950, 0);
	assert_begins(c, 6950, 0);
	/* In the middle of a transaction that was split. */
	set_last_position(c, 2, 6900, 3);
	set_before(c, GENERATION, 2, 6900, 4);
	assert_begins(c, 6900, 4);
}

static void
a_position_that_is_missing_or_behind_is_a_gap(void **state)
{
	Case *c = new_case(true);

	(void) state;
	assert_refused(c, EXIT_GAP, "no position of this relay");
	/* That of an earlier registration is none. */
	set_before(c, GENERATION - 1, 2, 8000, 0);
	assert_refused(c, EXIT_GAP, "no position of this relay");
	set_last_position(c, 2, 6900, 3);
	set_before(c, GENERATION, 2, 6900, 3);
	assert_refused(c, EXIT_GAP, "was committed");
	set_before(c, GENERATION, 2, 6800, 0);
	assert_refused(c, EXIT_GAP, "was committed");
	/* What this very process saw committed counts, too. */
	set_before(c, GENERATION, 2, 7500, 0);
	c->last = (Position){GENERATION, 2, 7600, 1};
	c->delivery.last = &c->last;
	assert_refused(c, EXIT_GAP, "was committed");
	set_before(c, GENERATION, 2, 7600, 2);
	assert_begins(c, 7600, 2);
}

static void
a_position_ahead_of_the_server_is_a_gap(void **state)
{
	Case *c = new_case(true);

	(void) state;
	set_before(c, GENERATION, 2, 9000, 0);
	assert_begins(c, 9000, 0); /* an end may be where the WAL ends */
	set_before(c, GENERATION, 2, 9001, 0);
	assert_refused(c, EXIT_GAP, "the server's WAL ends at");
	set_before(c, GENERATION + 1, 2, 8000, 0);
	assert_refused(c, EXIT_GAP, "generation 3");
	set_before(c, GENERATION, 3, 8000, 0);
	assert_refused(c, EXIT_GAP, "timeline 3");
}

/* The old primary published what this server never had: its LSNs are new ones here. */
static void
what_an_old_timeline_had_behind_its_end_does_not_count(void **state)
{
	Case *c = new_case(true);

	(void) state;
	c->facts.mark_lsn = 4800;
	set_last_position(c, 1, 4700, 0);
	set_before(c, GENERATION, 1, 5600, 7);
	assert_begins(c, 5000, 0);
	c->last = (Position){GENERATION, 1, 5500, 1};
	c->delivery.last = &c->last;
	assert_begins(c, 5000, 0);
	set_before(c, GENERATION, 1, 4900, 0);
	assert_begins(c, 4900, 0);
	/* Nor does it keep transactions from beginning. */
	c = new_case(false);
	c->facts.mark_lsn = 4800;
	c->tail = (Position){GENERATION, 1, 5500, 1};
	c->delivery.tail = &c->tail;
	assert_begins(c, 4800, 0);
}

/* A database with the same source id and slot, now or in an earlier life. */
static void
a_position_of_another_server_is_a_gap(void **state)
{
	Case *c = new_case(false);

	(void) state;
	c->delivery.written_on = "78";
	set_before(c, GENERATION, 2, 8000, 0);
	assert_refused(c, EXIT_GAP, "of another server");
	c->facts.exactly_once = true;
	assert_refused(c, EXIT_GAP, "of another server");
	set_before(c, GENERATION + 1, 2, 8000, 0);
	assert_refused(c, EXIT_GAP, "of another server");
	/* An earlier generation says nothing anyway. */
	c->facts.exactly_once = false;
	set_before(c, GENERATION - 1, 2, 8000, 0);
	assert_begins(c, 7000, 0);
	/* Nothing is known of who wrote it. */
	c->facts.exactly_once = true;
	c->delivery.written_on = "";
	set_before(c, GENERATION, 2, 8000, 0);
	assert_begins(c, 8000, 0);
}

/* It was fenced off; its id is replaced by ours before the first event. */
static void
another_writer_is_followed_by_an_anchor(void **state)
{
	Case *c = new_case(true);

	(void) state;
	c->delivery.another_writer = true;
	set_before(c, GENERATION, 2, 8000, 3);
	assert_begins(c, 8000, 3);
	assert_true(c->start.anchor);
	assert_false(c->start.record);
	/* At least once has no transaction to put it into. */
	c->delivery.exactly_once = false;
	assert_begins(c, 8000, 3);
	assert_false(c->start.anchor);
}

static void
begins_at_the_mark_when_kafka_has_nothing_behind_it(void **state)
{
	Case *c = new_case(false);

	(void) state;
	assert_begins(c, 7000, 0);
	assert_true(c->start.anchor);
	assert_true(c->start.record);
	c->tail = (Position){GENERATION, 2, 6999, 4};
	c->delivery.tail = &c->tail;
	assert_begins(c, 7000, 0);
	c->tail.commit_lsn = 7000; /* a transaction may begin where the last one ended */
	assert_refused(c, EXIT_CONFIG, "behind the mark");
	c->tail.generation = GENERATION - 1;
	assert_begins(c, 7000, 0);
	/* An earlier time with transactions came further: that is known. */
	set_before(c, GENERATION, 2, 7400, 0);
	assert_begins(c, 7400, 0);
	c->tail = (Position){GENERATION, 2, 7399, 0};
	assert_begins(c, 7400, 0);
	c->tail.commit_lsn = 7400;
	assert_refused(c, EXIT_CONFIG, "behind the mark");
	/* An old one is passed over by the mark. */
	set_before(c, GENERATION, 2, 6000, 0);
	c->delivery.tail = NULL;
	assert_begins(c, 7000, 0);
}

/* At least once it may have been acknowledged before what was sent before it, which never was. */
static void
the_last_event_is_no_mark(void **state)
{
	Case *c = new_case(false);

	(void) state;
	set_last_position(c, 2, 6999, 4);
	assert_begins(c, 7000, 0);
	set_last_position(c, 2, 7200, 3);
	assert_refused(c, EXIT_CONFIG, "src/2.2/0/1C20/3");
	/* The topics say the same: it is the highest of them. */
	c->tail = (Position){GENERATION, 2, 7200, 3};
	c->delivery.tail = &c->tail;
	assert_refused(c, EXIT_CONFIG, "src/2.2/0/1C20/3");
	/* A transaction that was split, in an earlier time with them. */
	set_before(c, GENERATION, 2, 7200, 4);
	assert_begins(c, 7200, 4);
}

/* Rows from before the slot: behind what init recorded, and before all of them. */
static void
begins_before_the_old_rows(void **state)
{
	Case *c = new_case(false);

	(void) state;
	c->facts.backfill = true;
	c->facts.start_lsn = c->facts.mark_lsn = 6001;
	set_last_position(c, 2, 6000, 77);
	assert_begins(c, 6000, 78);
	c->tail = (Position){GENERATION, 2, 6000, 500};
	c->delivery.tail = &c->tail;
	assert_refused(c, EXIT_CONFIG, "behind the mark");
}

static void
the_column_must_be_there(void **state)
{
	Case *c = new_case(false);

	(void) state;
	assert_true(relay_check_delivery_column(&c->facts, &c->error));
	c->facts.delivery_recorded = false;
	assert_false(relay_check_delivery_column(&c->facts, &c->error));
	assert_int_equal(c->error.exit_code, EXIT_NOT_INITIALIZED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_where_kafka_is),
		cmocka_unit_test(a_position_that_is_missing_or_behind_is_a_gap),
		cmocka_unit_test(a_position_ahead_of_the_server_is_a_gap),
		cmocka_unit_test(what_an_old_timeline_had_behind_its_end_does_not_count),
		cmocka_unit_test(a_position_of_another_server_is_a_gap),
		cmocka_unit_test(another_writer_is_followed_by_an_anchor),
		cmocka_unit_test(begins_at_the_mark_when_kafka_has_nothing_behind_it),
		cmocka_unit_test(the_last_event_is_no_mark),
		cmocka_unit_test(begins_before_the_old_rows),
		cmocka_unit_test(the_column_must_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
