/*
 * consumer_ledger.h
 *	  For tests of dead letters: what a target committed, each offset once and in
 *	  order, as applied or as a row of a dead letter; and a topic for dead letters
 *	  that does as it is told.
 *
 * What is bad fails each transaction that runs it.
 */
#ifndef OUTBOX_TEST_CONSUMER_LEDGER_H
#define OUTBOX_TEST_CONSUMER_LEDGER_H

#include "consumer_fakes.h"

#define EVENTS 60

typedef struct Ledger
{
	char fate[EVENTS]; /* 'a' applied, 'd' dead */
	TargetLetter rows[EVENTS];
	char refusals[EVENTS][512];

	bool bad[EVENTS];
	const char *sqlstate; /* of what is bad */
	int handler;
	int good_after; /* failures after which nothing is bad any more; -1: never */
	int failures;
	int lose_commits; /* of transactions with a row: the answer is lost */
	bool commit_lost; /* ... and it was done all the same */
	bool refuse_rows;

	/* The application under way. */
	bool fails;
	bool lost;
} Ledger;

typedef struct FakeSink
{
	LetterSink base;
	LetterOutcome outcomes[8]; /* of one letter after the other, then STORED */
	size_t at;
	bool waits; /* no answer */
	bool busy;
	unsigned sent;
	unsigned stored;
	int failures;		/* of the target, before the first letter */
	size_t lengths[16]; /* of headers */
	int64_t timestamp_ms;
	char value[16];
} FakeSink;

static Ledger ledger;

static void
fill(InboxRecord *record)
{
	static char value[32];
	static const InboxHeader headers[] = {{{(const uint8_t *) "own", 3}, {NULL, 0}}};

	snprintf(value, sizeof(value), "value %lld", (long long) record->offset);
	record->timestamp_ms = 1000 + record->offset;
	record->value = view_of(value);
	record->headers = headers;
	record->header_count = 1;
}

/* -------------------------------------------------------------------------
 * ledger
 * ------------------------------------------------------------------------- */

static void
enter(int64_t next, const TargetApply *apply)
{
	const Batch *batch = apply->batch;

	for (size_t i = batch->head; i < batch->head + apply->count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (record->dropped)
			continue;
		assert_int_equal(record->offset, next);
		assert_int_equal(ledger.fate[record->offset], 0);
		ledger.fate[record->offset] = record->dead ? 'd' : 'a';
		next = record->offset + 1;
		if (!record->dead)
			continue;
		assert_non_null(apply->letter);
		assert_int_equal(apply->letter->offset, record->offset);
		ledger.rows[record->offset] = *apply->letter;
		snprintf(ledger.refusals[record->offset], sizeof(ledger.refusals[0]), "%s",
				 apply->letter->refusal);
	}
	assert_int_equal(apply->moves[0].new_next, next);
}

static void
try_to_enter(FakeTarget *target, const TargetApply *apply)
{
	const Batch *batch = apply->batch;
	bool well = ledger.good_after >= 0 && ledger.failures >= ledger.good_after;

	ledger.fails = ledger.lost = false;
	for (size_t i = batch->head; i < batch->head + apply->count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (batch_record_runs(record) && ledger.bad[record->offset] && !well)
			ledger.fails = true;
	}
	ledger.fails = ledger.fails || (ledger.refuse_rows && apply->letter != NULL);
	if (ledger.fails)
		return;
	ledger.lost = apply->letter != NULL && ledger.lose_commits > 0;
	if (ledger.lost)
		ledger.lose_commits--;
	if (!ledger.lost || ledger.commit_lost)
		enter(target->next < 0 ? 0 : target->next, apply);
}

static TargetEvent
tell(FakeTarget *target, TargetFailure *failure)
{
	if (ledger.lost)
	{
		if (ledger.commit_lost)
			fake_commit(target);
		target->connected = false;
		failure->lost = failure->unknown = true;
		failure->failure = FAILURE_INFRASTRUCTURE;
		error_transient(&failure->error, "gone");
		return TARGET_FAILED;
	}
	if (!ledger.fails)
		return TARGET_DONE;
	ledger.failures++;
	failure->handler = ledger.handler;
	failure->failure = sqlstate_class(ledger.sqlstate);
	error_transient(&failure->error, "it is bad \xc3");
	snprintf(failure->error.sqlstate, sizeof(failure->error.sqlstate), "%s", ledger.sqlstate);
	return TARGET_FAILED;
}

/* -------------------------------------------------------------------------
 * topic
 * ------------------------------------------------------------------------- */

static LetterOutcome
answer(FakeSink *sink, LetterReport *report)
{
	memset(report, 0, sizeof(*report));
	report->outcome = LETTER_STORED;
	if (sink->at < LENGTH(sink->outcomes) && sink->outcomes[sink->at] != LETTER_PENDING)
		report->outcome = sink->outcomes[sink->at];
	sink->at++;
	report->partition = 4;
	report->offset = 100 + sink->stored;
	if (report->outcome == LETTER_STORED)
		sink->stored++;
	else
		error_transient(&report->error, "not today");
	return report->outcome;
}

static bool
fake_send(LetterSink *base, const Letter *letter, LetterReport *report)
{
	FakeSink *sink = (FakeSink *) base;

	(void) report;
	assert_true(sink->sent < LENGTH(sink->lengths));
	if (sink->sent == 0)
		sink->failures = ledger.failures;
	sink->lengths[sink->sent++] = letter->headers.len;
	sink->timestamp_ms = letter->timestamp_ms;
	snprintf(sink->value, sizeof(sink->value), "%.*s", (int) letter->value.len,
			 (const char *) letter->value.data);
	sink->busy = true;
	return true;
}

static LetterOutcome
fake_sink_step(LetterSink *base, LetterReport *report)
{
	FakeSink *sink = (FakeSink *) base;

	memset(report, 0, sizeof(*report));
	if (!sink->busy || sink->waits)
		return LETTER_PENDING;
	sink->busy = false;
	return answer(sink, report);
}

static const char *
fake_topic(const LetterSink *base)
{
	(void) base;
	return "dead";
}

static const LetterSinkClass fake_sink_class = {
	.send = fake_send, .step = fake_sink_step, .topic = fake_topic};

#endif
