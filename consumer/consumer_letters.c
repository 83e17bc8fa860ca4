/*
 * consumer_letters.c
 *	  An event that can't be applied becomes a dead letter: docs/decisions/0150, 0151.
 *
 * Refuses handlers whose policy is to stop.  So does one that can't be judged, before
 * it is given to the target.
 *
 * Invariants: a record is "dead" only when its letter has a place, acknowledged by
 * Kafka or in the row that is to come; the row is written in the transaction that
 * moves the progress behind it; nothing behind it in its lane is applied before; a
 * letter is counted and logged once, after that COMMIT; one lane at a time has the sink.
 */
#include "consumer_intern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"
#include "failpoint.h"
#include "raw_headers.h"

#define RAW_KEEP ((size_t) 1024 * 1024) /* what a large record leaves */
#define LOG_INTERVAL_USEC (10 * USEC_PER_SEC)

bool
consumer_letters_init(Consumer *consumer)
{
	buffer_init(&consumer->raw, RAW_HEADERS_MAX);
	consumer->dead_lettered =
		calloc((size_t) consumer->handlers->count + 1, sizeof(*consumer->dead_lettered));
	return consumer->dead_lettered != NULL;
}

void
consumer_letters_free(Consumer *consumer)
{
	buffer_free(&consumer->raw);
	free(consumer->dead_lettered);
}

void
consumer_set_letters(Consumer *consumer, LetterSink *letters)
{
	consumer->letters = letters;
}

static Buffer *
empty_raw(Consumer *consumer)
{
	if (consumer->raw.capacity > RAW_KEEP)
		buffer_free(&consumer->raw);
	buffer_reset(&consumer->raw);
	return &consumer->raw;
}

bool
consumer_keep_headers(Consumer *consumer, const InboxRecord *record, Batch *batch, BatchRecord *to)
{
	raw_headers_put_all(empty_raw(consumer), record->headers, record->header_count);
	return !consumer->raw.failed &&
		   batch_copy(batch, buffer_view(&consumer->raw), &to->raw_headers);
}

/* The record that is on its way, as long as it is the first that waits. */
static BatchRecord *
find_record(const Lane *lane)
{
	const ConsumerLetter *letter = &lane->letter;
	Batch *batch = lane->applying;
	BatchRecord *record;

	if (letter->phase == LETTER_NONE || batch_left(batch) == 0)
		return NULL;
	record = &batch->records[batch->head];
	if (record->dropped || record->slot != letter->slot || record->offset != letter->offset)
		return NULL;
	return record;
}

/* A text that was cut to fit may end, or be cut, within a character; the target takes whole ones. */
static void
mend_text(char *text)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < len;)
	{
		size_t sequence = utf8_sequence((const uint8_t *) text + at, len - at);

		if (sequence == 0)
			text[at] = '?';
		at += sequence > 0 ? sequence : 1;
	}
}

static void
begin(Lane *lane, const BatchRecord *record, int handler, const Error *error)
{
	ConsumerLetter *letter = &lane->letter;

	letter->phase = LETTER_TO_SEND;
	letter->form = DEAD_LETTER_FULL;
	letter->slot = record->slot;
	letter->offset = record->offset;
	letter->handler = handler;
	letter->retry_at = 0;
	letter->error = *error;
	mend_text(letter->error.message);
	backoff_reset(&letter->backoff);
}

bool
consumer_letter_begin(Lane *lane, const TargetFailure *failure)
{
	const BatchRecord *record = &lane->applying->records[lane->applying->head];

	if (record->dead ||
		handlers_policy(lane->consumer->handlers, record->topic, failure->handler) == HANDLER_STOP)
		return false;
	begin(lane, record, failure->handler, &failure->error);
	return true;
}

static bool
is_put_aside(const BatchRecord *record)
{
	return record->unjudged != UNJUDGED_NOT && !record->dropped && !record->dead;
}

size_t
consumer_letter_before(Lane *lane, size_t count)
{
	const BatchRecord *records = &lane->applying->records[lane->applying->head];
	size_t before = 0;
	Error error;

	while (before < count && !is_put_aside(&records[before]))
		before++;
	if (before > 0 || count == 0)
		return before;
	error_clear(&error);
	error_permanent(&error, EXIT_DATA, "the record %s", unjudged_reason(records->unjudged));
	snprintf(error.sqlstate, sizeof(error.sqlstate), "%s", UNJUDGED_SQLSTATE);
	begin(lane, records, -1, &error);
	return 0;
}

bool
consumer_letter_waits(const Lane *lane)
{
	return lane->letter.phase == LETTER_TO_SEND || lane->letter.phase == LETTER_SENT;
}

bool
consumer_awaits_letter(const Consumer *consumer)
{
	for (int i = 0; i < consumer->lane_count; i++)
	{
		if (consumer->lanes[i].letter.phase == LETTER_SENT)
			return true;
	}
	return false;
}

MonoUsec
consumer_letter_wake_at(const Lane *lane)
{
	return lane->letter.phase == LETTER_TO_SEND && !consumer_awaits_letter(lane->consumer)
			   ? lane->letter.retry_at
			   : MONO_NEVER;
}

static const char *
handler_name(const Lane *lane)
{
	int handler = lane->letter.handler;

	return handler >= 0 ? lane->consumer->handlers->items[handler].name : NULL;
}

static void
fill_row(Lane *lane, const BatchRecord *record)
{
	ConsumerLetter *letter = &lane->letter;
	const Partition *partition = &lane->consumer->partitions.items[record->slot];

	letter->row = (TargetLetter){.topic = partition->topic,
								 .partition = partition->partition,
								 .offset = record->offset,
								 .timestamp_ms = record->timestamp_ms,
								 .event_id = record->id[0] != '\0' ? record->id : NULL,
								 .handler = handler_name(lane),
								 .sqlstate = letter->error.sqlstate,
								 .message = letter->error.message,
								 .refusal = letter->refusal,
								 .key = record->key,
								 .value = record->value,
								 .raw_headers = record->raw_headers};
}

static void
place(Lane *lane, BatchRecord *record)
{
	record->dead = true;
	lane->letter.phase = LETTER_PLACED;
}

/* Into the row, with all that it is. */
static void
keep(Lane *lane, BatchRecord *record, const char *refusal)
{
	snprintf(lane->letter.refusal, sizeof(lane->letter.refusal), "%s", refusal);
	mend_text(lane->letter.refusal);
	place(lane, record);
}

static void
take_report(Lane *lane, BatchRecord *record, const LetterReport *report)
{
	Consumer *consumer = lane->consumer;
	ConsumerLetter *letter = &lane->letter;
	unsigned long suppressed;

	switch (report->outcome)
	{
		case LETTER_PENDING:
			return;
		case LETTER_STORED:
			letter->row.letter_topic = consumer->letters->methods->topic(consumer->letters);
			letter->row.letter_partition = report->partition;
			letter->row.letter_offset = report->offset;
			place(lane, record);
			return;
		case LETTER_TOO_LARGE:
			letter->phase = LETTER_TO_SEND;
			letter->retry_at = 0;
			if (++letter->form == DEAD_LETTER_FORMS)
				keep(lane, record, report->error.message);
			return;
		case LETTER_REFUSED:
			keep(lane, record, report->error.message);
			return;
		case LETTER_FAILED:
			letter->phase = LETTER_TO_SEND;
			letter->retry_at = backoff_next(&letter->backoff, consumer->now, &consumer->random);
			if (log_limit_pass(&letter->limit, consumer->now, LOG_INTERVAL_USEC, &suppressed))
				log_error(LOG_LEVEL_WARNING, &report->error, NULL);
			return;
	}
}

static void
send(Lane *lane, BatchRecord *record)
{
	Consumer *consumer = lane->consumer;
	const ConsumerLetter *letter = &lane->letter;
	LetterReport report = {.outcome = LETTER_PENDING};
	DeadLetterReason reason;
	Letter out;

	fill_row(lane, record);
	if (consumer->letters == NULL)
	{
		keep(lane, record, "\"dead_letter.topic\" is empty");
		return;
	}
	reason = (DeadLetterReason){.topic = letter->row.topic,
								.partition = letter->row.partition,
								.offset = letter->row.offset,
								.group = consumer->config->group,
								.handler = letter->row.handler,
								.sqlstate = letter->row.sqlstate,
								.message = letter->row.message};
	dead_letter_headers(&reason, record->raw_headers, letter->form, empty_raw(consumer));
	if (consumer->raw.failed)
	{
		keep(lane, record, "its headers are too large");
		return;
	}
	out = (Letter){.key = record->key,
				   .value = record->value,
				   .headers = buffer_view(&consumer->raw),
				   .timestamp_ms = record->timestamp_ms};
	lane->letter.phase = LETTER_SENT;
	if (FAILPOINT_ERROR("letter-due", &report.error))
	{
		report.outcome = LETTER_FAILED;
		take_report(lane, record, &report);
	}
	else if (!consumer->letters->methods->send(consumer->letters, &out, &report))
		take_report(lane, record, &report);
}

void
consumer_letter_step(Lane *lane)
{
	Consumer *consumer = lane->consumer;
	ConsumerLetter *letter = &lane->letter;
	BatchRecord *record = find_record(lane);
	LetterReport report;

	if (letter->phase == LETTER_NONE)
		return;
	if (record == NULL)
	{
		/* Whoever has the partition next makes a letter of its own. */
		letter->phase = LETTER_NONE;
		return;
	}
	if (letter->phase == LETTER_SENT)
	{
		(void) consumer->letters->methods->step(consumer->letters, &report);
		take_report(lane, record, &report);
	}
	/* A form that is too large is followed by the next. */
	while (letter->phase == LETTER_TO_SEND && consumer->now >= letter->retry_at &&
		   !consumer_awaits_letter(consumer))
		send(lane, record);
}

const TargetLetter *
consumer_letter_row(const Lane *lane)
{
	return lane->letter.phase == LETTER_PLACED && find_record(lane) != NULL ? &lane->letter.row
																			: NULL;
}

void
consumer_letter_settled(Lane *lane)
{
	Consumer *consumer = lane->consumer;
	ConsumerLetter *letter = &lane->letter;
	const BatchRecord *record = find_record(lane);
	int index = letter->handler >= 0 ? letter->handler : consumer->handlers->count;
	Error error;

	if (letter->phase != LETTER_PLACED || record == NULL)
		return;
	if (FAILPOINT_ERROR("letter-settled", &consumer->failure))
		return;
	letter->phase = LETTER_NONE;
	consumer->dead_lettered[index]++;
	error_clear(&error);
	error_permanent(&error, EXIT_DATA,
					"event of topic \"%s\", partition %d, offset %lld became a dead letter: %s",
					letter->row.topic, letter->row.partition, (long long) letter->row.offset,
					letter->error.message);
	snprintf(error.sqlstate, sizeof(error.sqlstate), "%s", letter->error.sqlstate);
	log_error(LOG_LEVEL_WARNING, &error, "event_id", letter->row.event_id, "handler",
			  letter->row.handler, "letter_topic", letter->row.letter_topic, "refusal",
			  letter->row.letter_topic == NULL ? letter->row.refusal : NULL, NULL);
}

uint64_t
consumer_dead_letters(const Consumer *consumer)
{
	uint64_t count = 0;

	for (int i = 0; i <= consumer->handlers->count; i++)
		count += consumer->dead_lettered[i];
	return count;
}

bool
consumer_any_letter_waits(const Consumer *consumer)
{
	for (int i = 0; i < consumer->lane_count; i++)
	{
		if (consumer_letter_waits(&consumer->lanes[i]))
			return true;
	}
	return false;
}
