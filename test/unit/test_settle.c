/*
 * test_settle.c
 *	  What records, rows and records in a topic come to: whose they are, and the
 *	  times that follow from them.  Load, databases and Kafka are made up here.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "request_id.h"
#include "settle.h"
#include "walk.h"

#define SEED 42
#define RUN 3
#define REQUESTS 10
#define WALL (INT64_C(1700000000) * USEC_PER_SEC)
#define START (100 * USEC_PER_SEC)
#define MS USEC_PER_MS

typedef struct Row
{
	Mode mode; /* of the id */
	uint32_t run;
	uint32_t number;
	uint32_t driver; /* within the run */
	int64_t version;
	int64_t visible_ms; /* from the start of the load */
} Row;

static LoadRecord records[REQUESTS];
static const Row *source_rows, *topic_rows, *target_rows;
static size_t source_count, topic_count, target_count;
static bool source_read, topic_read;

/* A request every 100 ms. */
int64_t
load_intended(const Load *load, uint32_t number)
{
	(void) load;
	return (int64_t) number * 100 * MS;
}

uint32_t
load_count(const Load *load)
{
	(void) load;
	return REQUESTS;
}

const LoadRecord *
load_records(const Load *load, Mode mode)
{
	(void) load;
	(void) mode;
	return records;
}

static uint64_t uncounted; /* of the accepted */

const LoadCounters *
load_counters(const Load *load, Mode mode)
{
	static LoadCounters counters;

	(void) load;
	(void) mode;
	counters.offered = REQUESTS;
	counters.accepted = counters.rejected = counters.unknown = 0;
	for (int n = 0; n < REQUESTS; n++)
	{
		counters.accepted += records[n].outcome == OUTCOME_ACCEPTED;
		counters.rejected += records[n].outcome == OUTCOME_REJECTED;
		counters.unknown += records[n].outcome == OUTCOME_UNKNOWN;
	}
	counters.accepted -= uncounted;
	counters.reasons[REJECT_BUSY] = counters.rejected > 0;
	counters.reasons[REJECT_AWAY] = counters.rejected - counters.reasons[REJECT_BUSY];
	return &counters;
}

static const char *
id_of(const Row *row)
{
	static char text[UUID_TEXT_SIZE];
	uint8_t id[UUID_SIZE];

	request_id_make(SEED, row->run, row->mode, row->number, id);
	uuid_format(id, text);
	return text;
}

static const char *
driver_of(const Row *row)
{
	static char text[32];

	snprintf(text, sizeof(text), "driver-%04u",
			 (unsigned) (row->run * DRIVERS_PER_RUN + row->driver));
	return text;
}

bool
pg_audit_source(const Audit *audit, Error *error)
{
	(void) error;
	source_read = true;
	for (size_t i = 0; i < source_count; i++)
		audit_stored(audit, id_of(&source_rows[i]));
	return true;
}

bool
kafka_audit_topic(const Audit *audit, Error *error)
{
	(void) error;
	topic_read = true;
	for (size_t i = 0; i < topic_count; i++)
		audit_stored(audit, id_of(&topic_rows[i]));
	return true;
}

bool
pg_audit_target(const Audit *audit, Error *error)
{
	(void) error;
	for (size_t i = 0; i < target_count; i++)
	{
		const Row *row = &target_rows[i];

		audit_in_target(audit, id_of(row), driver_of(row), row->version,
						WALL + row->visible_ms * MS);
		audit_latest(audit, driver_of(row), row->version);
	}
	return true;
}

static void
nothing(void)
{
	memset(records, 0, sizeof(records));
	source_count = topic_count = target_count = 0;
	source_read = topic_read = false;
}

/* Request number n was answered so many milliseconds after its intended start. */
static void
answered(uint32_t n, Outcome outcome, int64_t after_ms)
{
	records[n] =
		(LoadRecord){.outcome = outcome, .http_status = 202, .latency_usec = after_ms * MS};
}

static PathResult
settle(Mode mode, MonoUsec back_ms, int64_t *visible_usec)
{
	SettleInput input = {.audit = {.seed = SEED, .run = RUN},
						 .drivers = 4,
						 .start = START,
						 .wall_start = WALL,
						 .load_ended = START + 1000 * MS,
						 .back_at = back_ms > 0 ? START + back_ms * MS : 0,
						 .quiet = true};
	PathResult result;
	Error error;

	assert_true(settle_path(&input, mode, &result, visible_usec, &error));
	return result;
}

static bool
near(double a, double b)
{
	return a - b < 1e-9 && b - a < 1e-9;
}

static void
rows_have_owners(void **state)
{
	static const Row source[] = {{MODE_OUTBOX, RUN, 0, 0, 0, 0}};
	static const Row target[] = {
		{MODE_OUTBOX, RUN, 0, 0, 1, 50},
		{MODE_OUTBOX, RUN - 1, 1, 0, 9, 50}, /* of the run before: passed over */
		{MODE_OUTBOX_WAL, RUN, 1, 1, 1, 50}, /* says that it is of another mode: a stranger's */
		{MODE_OUTBOX, RUN, 2, 7, 1, 50},	 /* no such driver */
	};
	PathResult result;

	(void) state;
	nothing();
	for (uint32_t n = 0; n < REQUESTS; n++)
		answered(n, n == 0 ? OUTCOME_ACCEPTED : OUTCOME_REJECTED, 1);
	source_rows = source;
	source_count = LENGTH(source);
	target_rows = target;
	target_count = LENGTH(target);
	result = settle(MODE_OUTBOX, 0, NULL);
	assert_true(source_read);
	assert_false(topic_read);
	assert_int_equal(result.totals.accepted_in_target, 1);
	assert_int_equal(result.totals.durable, 1);
	/* The stranger's row, its driver's latest location, the driver beyond the last, and his. */
	assert_true(result.totals.invented >= 2);
	assert_int_equal(result.totals.duplicates, 0);
	assert_int_equal(result.totals.lost, 0);
	assert_true(result.totals.closes);
}

/* Each mode is judged by what it promised to write. */
static void
evidence(void **state)
{
	(void) state;
	for (int i = 0; i < MODE_COUNT; i++)
	{
		Mode mode = (Mode) i;
		Row row = {mode, RUN, 4, 2, 1, 450};
		bool in_target = mode_writes_target(mode);
		PathResult result;

		nothing();
		for (uint32_t n = 0; n < REQUESTS; n++)
			answered(n, n == 4 ? OUTCOME_ACCEPTED : OUTCOME_REJECTED, 1);
		target_rows = &row;
		target_count = 1;
		result = settle(mode, 0, NULL);
		assert_int_equal(source_read, mode_writes_source(mode));
		assert_int_equal(topic_read, mode == MODE_KAFKA_FIRST);
		assert_int_equal(result.totals.durable, in_target);
		assert_int_equal(result.totals.invented, in_target ? 0 : 1);

		source_rows = topic_rows = &row;
		source_count = topic_count = 1;
		result = settle(mode, 0, NULL);
		assert_int_equal(result.totals.durable, 1);
		assert_int_equal(result.totals.invented, 0);
		assert_true(ledger_is_clean(&result.totals));

		target_count = 0;
		result = settle(mode, 0, NULL);
		assert_int_equal(result.totals.lost, 1);
	}
}

static void
rates_and_latency(void **state)
{
	static const Row source[] = {{MODE_OUTBOX, RUN, 0, 0, 0, 0},
								 {MODE_OUTBOX, RUN, 1, 1, 0, 0},
								 {MODE_OUTBOX, RUN, 5, 2, 0, 0}};
	static const Row target[] = {{MODE_OUTBOX, RUN, 0, 0, 1, 60}};
	PathResult result;

	(void) state;
	nothing();
	for (uint32_t n = 0; n < REQUESTS; n++)
		answered(n,
				 n < 4	  ? OUTCOME_ACCEPTED
				 : n == 5 ? OUTCOME_UNKNOWN
						  : OUTCOME_REJECTED,
				 10 * (n + 1));
	source_rows = source;
	source_count = LENGTH(source);
	target_rows = target;
	target_count = LENGTH(target);
	result = settle(MODE_OUTBOX, 0, NULL);
	assert_true(near(path_accepted_percent(&result), 40));
	assert_true(near(path_durable_percent(&result), 30));
	assert_true(near(path_visible_percent(&result), 10));
	assert_true(near(result.latency.p50_ms, 20));
	assert_true(near(result.latency.p90_ms, 40));
	assert_true(near(result.latency.p999_ms, 40));
	assert_true(near(result.latency.max_ms, 40));
	assert_int_equal(result.totals.lost, 3);
	assert_int_equal(result.totals.unknown_missing, 1);
	assert_true(result.drain_s == NOT_DRAINED);
}

/* Answers to 0, 1, 2 come after 10 ms; broken until 450 ms, when 0 to 4 are accepted. */
static void
times_from_commits(void **state)
{
	static const Row rows[] = {
		{MODE_OUTBOX, RUN, 0, 0, 1, 5}, /* before its answer */
		{MODE_OUTBOX, RUN, 1, 1, 1, 130},
		{MODE_OUTBOX, RUN, 2, 2, 1, 700},
		{MODE_OUTBOX, RUN, 5, 3, 1, 900}, /* accepted after everything served again */
	};
	int64_t visible[REQUESTS];
	PathResult result;

	(void) state;
	nothing();
	for (uint32_t n = 0; n < REQUESTS; n++)
		answered(n, n == 3 || n == 4 || n > 5 ? OUTCOME_REJECTED : OUTCOME_ACCEPTED, 10);
	source_rows = target_rows = rows;
	source_count = target_count = LENGTH(rows);
	result = settle(MODE_OUTBOX, 450, visible);
	assert_int_equal(visible[0], 0);
	assert_int_equal(visible[1], 20 * MS);
	assert_int_equal(visible[2], 490 * MS);
	assert_int_equal(visible[3], NEVER_VISIBLE);
	assert_int_equal(visible[5], 390 * MS);
	assert_true(near(result.freshness.p50_s, 0.020));
	assert_true(near(result.freshness.max_s, 0.490));
	assert_true(near(result.drain_s, 0.250));
	assert_true(near(result.recovery_s, 0.060));

	/* Nothing was broken: from the end of the load, by which all was visible. */
	result = settle(MODE_OUTBOX, 0, visible);
	assert_true(near(result.drain_s, 0));
	assert_true(result.recovery_s == NOT_SEEN);

	target_count = 0;
	result = settle(MODE_OUTBOX, 450, visible);
	assert_true(result.drain_s == NOT_DRAINED);
	assert_true(result.freshness.p50_s == NOT_SEEN && result.freshness.max_s == NOT_SEEN);
}

/* Books that close in themselves must be those of what happened. */
static void
two_witnesses(void **state)
{
	(void) state;
	nothing();
	for (uint32_t n = 0; n < REQUESTS; n++)
		answered(n, n < 2 ? OUTCOME_ACCEPTED : OUTCOME_UNKNOWN, 1);
	assert_true(settle(MODE_DIRECT, 0, NULL).totals.closes);
	uncounted = 1;
	assert_false(settle(MODE_DIRECT, 0, NULL).totals.closes);
	uncounted = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_have_owners),	 cmocka_unit_test(evidence),
		cmocka_unit_test(rates_and_latency), cmocka_unit_test(times_from_commits),
		cmocka_unit_test(two_witnesses),
	};

	return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
