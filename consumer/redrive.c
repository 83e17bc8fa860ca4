/*
 * redrive.c
 *	  Rows, their records, and what becomes of them.
 *
 * Refuses a letter that is another event's, and one of a topic without a handler.
 */
#include "redrive.h"

#include <stdlib.h>
#include <string.h>

#include "dead_letter.h"
#include "exit_codes.h"
#include "kafka_letter_reader.h"
#include "log.h"
#include "pg_redrive.h"
#include "raw_headers.h"
#include "random.h"
#include "record.h"
#include "retry.h"

#define FETCH_TIMEOUT_MS 30000
#define BATCH_BYTES ((size_t) 1024 * 1024 * 1024)

typedef struct Redrive
{
	const ConsumerConfig *config;
	Handlers *handlers;
	PgRedrive *target;
	LetterReader *reader; /* NULL until a letter is in a topic */
	Batch batch;
	InboxHeader *headers;
	size_t header_room;
	Retry retry;
	Random random;
	unsigned long applied;
	unsigned long done;
	unsigned long left;
} Redrive;

/* The event's record, from the row or from the topic.  IO_OK, IO_END, IO_FAILED. */
static IoResult
find_record(Redrive *redrive, const WaitingLetter *letter, LetterRecord *record, Error *error)
{
	IoResult result;

	if (letter->letter_topic == NULL)
	{
		*record =
			(LetterRecord){letter->key, letter->value, letter->raw_headers, letter->timestamp_ms};
		return IO_OK;
	}
	if (redrive->reader == NULL)
		redrive->reader =
			letter_reader_open(redrive->config->options, redrive->config->group, error);
	if (redrive->reader == NULL)
		return IO_FAILED;
	result = letter_reader_fetch(redrive->reader, letter->letter_topic, letter->letter_partition,
								 letter->letter_offset, FETCH_TIMEOUT_MS, record, error);
	if (result != IO_OK)
		return result;
	/* A topic may give every record a time of its own; the row has the event's. */
	record->timestamp_ms = letter->timestamp_ms;
	if (dead_letter_open(record->headers, letter->topic, letter->partition, letter->offset,
						 &record->headers))
		return IO_OK;
	error_permanent(error, EXIT_DATA, "another record is in its place");
	return IO_END;
}

/* False without memory. */
static bool
list_headers(Redrive *redrive, ByteView raw, size_t *count)
{
	InboxHeader header;
	Reader reader;

	*count = 0;
	reader_init(&reader, raw.data, raw.len);
	while (raw_headers_next(&reader, &header))
	{
		if (*count == redrive->header_room)
		{
			size_t room = redrive->header_room == 0 ? 32 : redrive->header_room * 2;
			InboxHeader *headers = realloc(redrive->headers, room * sizeof(*headers));

			if (headers == NULL)
				return false;
			redrive->headers = headers;
			redrive->header_room = room;
		}
		redrive->headers[(*count)++] = header;
	}
	return true;
}

/* As the first record of the batch; false without memory. */
static bool
fill_batch(Redrive *redrive, const WaitingLetter *letter, const LetterRecord *record, int topic)
{
	InboxRecord from = {.topic = letter->topic,
						.partition = letter->partition,
						.offset = letter->offset,
						.timestamp_ms = record->timestamp_ms,
						.key = record->key,
						.value = record->value};
	const InboxHeader *position;
	char source_id[SOURCE_ID_MAX + 1];
	Position parsed;
	BatchRecord *to;

	batch_clear(&redrive->batch);
	to = batch_append(&redrive->batch);
	if (to == NULL || !list_headers(redrive, record->headers, &from.header_count))
		return false;
	from.headers = redrive->headers;
	to->topic = topic;
	to->offset = letter->offset;
	to->timestamp_ms = record->timestamp_ms;
	record_id(&from, to->id);
	position = record_header(&from, ENVELOPE_HEADER_POSITION);
	if (!record_copy(&from, redrive->handlers->topic_headers[topic], &redrive->batch, to) ||
		/* One that is none may be anything, and no text. */
		(position != NULL && record_position(position, source_id, &parsed) &&
		 !batch_copy(&redrive->batch, position->value, &to->position_text)))
		return false;
	batch_commit(&redrive->batch);
	return true;
}

static void
stays(Redrive *redrive, const WaitingLetter *letter, const Error *error)
{
	char number[24];
	char partition[16];
	char offset[24];

	redrive->left++;
	snprintf(number, sizeof(number), "%lld", (long long) letter->number);
	snprintf(partition, sizeof(partition), "%d", letter->partition);
	snprintf(offset, sizeof(offset), "%lld", (long long) letter->offset);
	log_error(LOG_LEVEL_WARNING, error, "number", number, "topic", letter->topic, "partition",
			  partition, "offset", offset, "letter_topic", letter->letter_topic, NULL);
}

/* Tries as often as the consumer does, with its delays: others use the same rows. */
static RedriveOutcome
apply(Redrive *redrive, const WaitingLetter *letter, Error *error)
{
	RedriveOutcome outcome;

	retry_succeeded(&redrive->retry);
	while ((outcome = pg_redrive_apply(redrive->target, letter, &redrive->batch, error)) ==
			   REDRIVE_UNLUCKY &&
		   retry_failed(&redrive->retry, clock_mono(), &redrive->random) == RETRY_LATER)
	{
		clock_sleep_until(redrive->retry.retry_at);
		error_clear(error);
	}
	return outcome;
}

/* False: nothing more can be done. */
static bool
redrive_one(Redrive *redrive, const WaitingLetter *letter, Error *error)
{
	LetterRecord record;
	IoResult found;
	int topic;

	error_clear(error);
	if (!handlers_meet(redrive->handlers, letter->topic, &topic, error))
		return false;
	if (topic < 0)
	{
		error_permanent(error, EXIT_DATA, "dead letter stays: no handler reads its topic");
		stays(redrive, letter, error);
		return true;
	}
	found = find_record(redrive, letter, &record, error);
	if (found == IO_END)
	{
		Error told;

		error_clear(&told);
		error_permanent(&told, EXIT_DATA, "dead letter isn't where it was: %s", error->message);
		stays(redrive, letter, &told);
		return true;
	}
	if (found != IO_OK)
		return false;
	if (!fill_batch(redrive, letter, &record, topic))
		return error_bug(error, "out of memory");
	if (redrive->batch.records->unjudged != UNJUDGED_NOT)
	{
		Unjudged unjudged = redrive->batch.records->unjudged;

		error_permanent(error, EXIT_DATA, "dead letter stays: it %s", unjudged_reason(unjudged));
		error_hint(error, "%s", unjudged_hint(unjudged));
		stays(redrive, letter, error);
		return true;
	}
	switch (apply(redrive, letter, error))
	{
		case REDRIVE_APPLIED:
			redrive->applied++;
			return true;
		case REDRIVE_DONE:
			redrive->done++;
			return true;
		case REDRIVE_REFUSED:
			stays(redrive, letter, error);
			return true;
		case REDRIVE_UNLUCKY:
		case REDRIVE_FAILED:
			break;
	}
	return false;
}

static bool
redrive_all(Redrive *redrive, Error *error)
{
	WaitingLetter letter;
	IoResult next;

	while ((next = pg_redrive_next(redrive->target, &letter, error)) == IO_OK)
	{
		if (!redrive_one(redrive, &letter, error))
			return false;
	}
	return next == IO_END;
}

bool
redrive_run(const ConsumerConfig *config, Handlers *handlers, FILE *out, Error *error)
{
	Redrive redrive = {.config = config, .handlers = handlers};
	bool ok;

	batch_init(&redrive.batch, 1, BATCH_BYTES);
	retry_init(&redrive.retry, config->retry_min_usec, config->retry_max_usec,
			   config->retry_attempts);
	random_seed(&redrive.random, random_seed_from_system());
	redrive.target = pg_redrive_open(config->conninfo, config->connect_timeout_usec, config->group,
									 config->inbox_retention_usec, handlers, error);
	ok = redrive.target != NULL && redrive_all(&redrive, error);
	if (redrive.target != NULL)
		fprintf(out, "applied: %lu, applied by others meanwhile: %lu, stay: %lu\n", redrive.applied,
				redrive.done, redrive.left);
	letter_reader_close(redrive.reader);
	pg_redrive_close(redrive.target);
	batch_free(&redrive.batch);
	free(redrive.headers);
	if (!ok || redrive.left == 0)
		return ok;
	error_clear(error);
	error_permanent(error, EXIT_DATA, "%lu dead letter%s can't be applied", redrive.left,
					redrive.left == 1 ? "" : "s");
	return error_hint(error,
					  "Each was told above, with its number. Mend the handlers or the target "
					  "and redrive them, or give up those that nobody wants: DELETE FROM "
					  "outbox_inbox.dead_letter WHERE number = ...");
}
