/*
 * dead_letter.c
 *	  Headers and the topic of dead letters.
 *
 * Refuses a topic's name that Kafka doesn't allow.
 */
#include "dead_letter.h"

#include <stdio.h>
#include <string.h>

#include "exit_codes.h"
#include "raw_headers.h"
#include "topic_match.h"

#define PLACEHOLDER "{group}"

static void
put(Buffer *out, const char *name, const char *value)
{
	raw_headers_put(out, view_of(name), view_of(value));
}

static void
put_number(Buffer *out, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long) value);
	put(out, name, text);
}

/* A message may have been cut within a character. */
static void
put_utf8(Buffer *out, const char *name, const char *value)
{
	Buffer clean;

	buffer_init(&clean, 4096);
	buffer_append_utf8(&clean, view_of(value));
	put(out, name, clean.data);
	out->failed = out->failed || clean.failed;
	buffer_free(&clean);
}

void
dead_letter_headers(const DeadLetterReason *reason, ByteView own, DeadLetterForm form, Buffer *out)
{
	char class_name[32];

	buffer_append(out, own.data, own.len);
	put(out, DEAD_LETTER_HEADER_TOPIC, reason->topic);
	put_number(out, DEAD_LETTER_HEADER_PARTITION, reason->partition);
	put_number(out, DEAD_LETTER_HEADER_OFFSET, reason->offset);
	put(out, DEAD_LETTER_HEADER_SQLSTATE, reason->sqlstate);
	if (form == DEAD_LETTER_SHORT)
		return;
	if (reason->handler != NULL)
		put(out, DEAD_LETTER_HEADER_HANDLER, reason->handler);
	put(out, "__connect.errors.connector.name", reason->group);
	put(out, "__connect.errors.task.id", "0");
	put(out, "__connect.errors.stage", "TASK_PUT");
	put(out, "__connect.errors.class.name", "outbox-consumer");
	snprintf(class_name, sizeof(class_name), "sqlstate.%.5s", reason->sqlstate);
	put(out, "__connect.errors.exception.class.name", class_name);
	put_utf8(out, "__connect.errors.exception.message", reason->message);
}

static bool
says(const InboxHeader *header, const char *name, const char *value)
{
	return view_equals(header->name, view_of(name)) && view_equals(header->value, view_of(value));
}

bool
dead_letter_open(ByteView headers, const char *topic, int32_t partition, int64_t offset,
				 ByteView *own)
{
	char numbers[2][24];
	InboxHeader header;
	Reader reader;
	size_t start = SIZE_MAX;
	int found = 0;

	snprintf(numbers[0], sizeof(numbers[0]), "%d", partition);
	snprintf(numbers[1], sizeof(numbers[1]), "%lld", (long long) offset);
	reader_init(&reader, headers.data, headers.len);
	for (;;)
	{
		size_t at = reader.pos;

		if (!raw_headers_next(&reader, &header))
			break;
		if (view_equals(header.name, view_of(DEAD_LETTER_HEADER_TOPIC)))
		{
			start = at;
			found = says(&header, DEAD_LETTER_HEADER_TOPIC, topic) ? 1 : 0;
		}
		else if ((found == 1 && says(&header, DEAD_LETTER_HEADER_PARTITION, numbers[0])) ||
				 (found == 2 && says(&header, DEAD_LETTER_HEADER_OFFSET, numbers[1])))
			found++;
	}
	if (reader.failed || start == SIZE_MAX || found != 3)
		return false;
	*own = (ByteView){headers.data, start};
	return true;
}

bool
dead_letter_topic(const char *pattern, const char *group, char *out, Error *error)
{
	Buffer name;
	bool no_memory;
	bool ok;

	out[0] = '\0';
	if (*pattern == '\0')
		return true;
	buffer_init(&name, DEAD_LETTER_TOPIC_MAX + 1);
	for (const char *at = pattern; *at != '\0';)
	{
		bool here = strncmp(at, PLACEHOLDER, strlen(PLACEHOLDER)) == 0;

		buffer_append(&name, here ? group : at, here ? strlen(group) : 1);
		at += here ? strlen(PLACEHOLDER) : 1;
	}
	ok = !name.failed && topic_is_legal(name.data);
	if (ok)
		snprintf(out, DEAD_LETTER_TOPIC_MAX + 1, "%s", name.data);
	no_memory = name.no_memory;
	buffer_free(&name);
	if (ok)
		return true;
	if (no_memory)
		return error_bug(error, "out of memory");
	error_permanent(error, EXIT_CONFIG, "\"dead_letter.topic\" makes no legal topic of \"%s\"",
					pattern);
	return error_hint(error, "Topics have 1 to 249 of A-Z a-z 0-9 . _ -; the group is \"%s\".",
					  group);
}
