/*
 * fuzz_headers.c
 *	  Any bytes as the headers of a record: read for an event, and kept for a dead letter.
 */
#include "fuzz.h"

#include <string.h>

#include "dead_letter.h"
#include "envelope.h"
#include "position.h"
#include "raw_headers.h"
#include "record.h"

#define HEADERS_MAX 256
#define BYTES_MAX ((size_t) 1 << 22)

/* The bytes that were headers; the rest is none. */
static ByteView
read_headers(ByteView bytes, InboxHeader *headers, size_t *count)
{
	Reader reader;
	size_t end = 0;

	*count = 0;
	reader_init(&reader, bytes.data, bytes.len);
	while (*count < HEADERS_MAX && raw_headers_next(&reader, &headers[*count]))
	{
		FUZZ_ASSERT(fuzz_within(bytes, headers[*count].name));
		FUZZ_ASSERT(fuzz_within(bytes, headers[*count].value));
		(*count)++;
		end = reader.pos;
	}
	return (ByteView){bytes.data, end};
}

static void
check_written_again(ByteView read, const InboxHeader *headers, size_t count)
{
	Buffer out;

	buffer_init(&out, BYTES_MAX);
	raw_headers_put_all(&out, headers, count);
	FUZZ_ASSERT(!out.failed && out.len == read.len);
	FUZZ_ASSERT(read.len == 0 || memcmp(out.data, read.data, read.len) == 0);
	buffer_free(&out);
}

/* A letter gives its event's headers back, whatever they are, and in each form. */
static void
check_letter(ByteView own)
{
	const DeadLetterReason reason = {.topic = "t",
									 .partition = 7,
									 .offset = 42,
									 .group = "g",
									 .handler = "h",
									 .sqlstate = "22003",
									 .message = "made up"};

	for (int form = DEAD_LETTER_FULL; form < DEAD_LETTER_FORMS; form++)
	{
		ByteView found = {NULL, 0};
		Buffer out;

		buffer_init(&out, BYTES_MAX);
		dead_letter_headers(&reason, own, (DeadLetterForm) form, &out);
		FUZZ_ASSERT(!out.failed);
		FUZZ_ASSERT(dead_letter_open(buffer_view(&out), "t", 7, 42, &found));
		FUZZ_ASSERT(found.len == own.len &&
					(own.len == 0 || memcmp(found.data, own.data, own.len) == 0));
		FUZZ_ASSERT(!dead_letter_open(buffer_view(&out), "t", 7, 43, &found));
		buffer_free(&out);
	}
}

/* The same but for the case and leading zeros of the LSN's digits. */
static void
check_position(ByteView text)
{
	char source_id[SOURCE_ID_MAX + 1];
	char again[POSITION_TEXT_SIZE];
	Position position;
	Position same;
	size_t len;

	if (text.data == NULL ||
		!position_parse((const char *) text.data, text.len, source_id, &position))
		return;
	len = position_format(source_id, &position, again);
	FUZZ_ASSERT(len <= text.len && position_parse(again, len, source_id, &same));
	FUZZ_ASSERT(position_compare(&position, &same) == 0);
}

static void
check_record(const InboxRecord *record)
{
	char id[BATCH_ID_TEXT_MAX + 1];
	BatchRecord *to;
	Batch batch;

	batch_init(&batch, 4, 1000000);
	to = batch_append(&batch);
	FUZZ_ASSERT(to != NULL);
	record_id(record, id);
	FUZZ_ASSERT(strlen(id) <= BATCH_ID_TEXT_MAX);
	FUZZ_ASSERT(record_copy(record, true, &batch, to));
	FUZZ_ASSERT(to->headers.len >= 2 && to->headers.data[0] == '{' &&
				to->headers.data[to->headers.len - 1] == '}');
	FUZZ_ASSERT(view_is_utf8(to->headers));
	FUZZ_ASSERT(!to->has_uuid || id[0] != '\0');
	batch_commit(&batch);
	batch_free(&batch);
	check_position(record_header_value(record, ENVELOPE_HEADER_POSITION));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static InboxHeader headers[HEADERS_MAX];
	InboxRecord record = {.topic = "t", .headers = headers};
	ByteView read = read_headers((ByteView){data, size}, headers, &record.header_count);

	check_written_again(read, headers, record.header_count);
	check_letter(read);
	check_record(&record);
	return 0;
}
