/*
 * fuzz_values.c
 *	  Any text as one of the small things that are read from settings, headers and servers: what
 *	  was taken is written, and read to the same.  The first byte says which.
 */
#include "fuzz.h"

#include <string.h>

#include "envelope.h"
#include "event_time.h"
#include "options_intern.h"
#include "part.h"
#include "mode.h"
#include "position.h"
#include "select_args.h"
#include "server_identity.h"
#include "timeline.h"
#include "traceparent.h"

static void
setting(const char *text, const OptionSpec *spec)
{
	int64_t number = -1;

	if (!option_value_parse(spec, text, &number))
	{
		Buffer expected;

		buffer_init(&expected, 1000);
		option_expected(spec, &expected);
		FUZZ_ASSERT(!expected.failed && expected.len > 0);
		buffer_free(&expected);
	}
	else if (spec->type != OPTION_ENUM && spec->type != OPTION_BOOL)
		FUZZ_ASSERT(number >= spec->min && number <= spec->max);
	else
		FUZZ_ASSERT(number >= 0 && number <= 2);
}

static void
settings(const char *text)
{
	static const OptionSpec specs[] = {
		{"a.int", OPTION_INT, NULL, -5, 70000, NULL, "", 0, ""},
		{"a.bool", OPTION_BOOL, NULL, 0, 0, NULL, "", 0, ""},
		{"a.duration", OPTION_DURATION, NULL, 1, 86400000, NULL, "ms", 0, ""},
		{"a.long", OPTION_DURATION, NULL, 0, INT64_MAX, NULL, "s", 0, ""},
		{"a.bytes", OPTION_BYTES, NULL, 0, INT64_MAX, NULL, "bytes", 0, ""},
		{"a.enum", OPTION_ENUM, NULL, 0, 0, "one|two|on", "", 0, ""},
	};

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		setting(text, &specs[i]);
	(void) option_key_valid(text, strlen(text));
}

static void
lsn(const char *text, size_t len)
{
	char written[LSN_TEXT_SIZE];
	PgLsn value;
	PgLsn again;

	if (!lsn_parse(text, len, &value))
		return;
	FUZZ_ASSERT(len <= LSN_TEXT_SIZE - 1 && memchr(text, '/', len) != NULL);
	FUZZ_ASSERT(lsn_parse(written, lsn_format(value, written), &again) && again == value);
}

static void
position(const char *text, size_t len)
{
	char source_id[SOURCE_ID_MAX + 1];
	char written[POSITION_TEXT_SIZE];
	Position value;
	Position again;

	if (!position_parse(text, len, source_id, &value))
		return;
	FUZZ_ASSERT(source_id_valid(source_id, strlen(source_id)));
	FUZZ_ASSERT(value.generation > 0 && value.timeline > 0);
	FUZZ_ASSERT(
		position_parse(written, position_format(source_id, &value, written), source_id, &again));
	FUZZ_ASSERT(position_compare(&value, &again) == 0);
}

static void
uuid(const char *text, size_t len)
{
	char written[UUID_TEXT_SIZE];
	uint8_t value[UUID_SIZE];
	uint8_t again[UUID_SIZE];

	if (!uuid_parse(text, len, value))
		return;
	uuid_format(value, written);
	FUZZ_ASSERT(uuid_parse(written, strlen(written), again));
	FUZZ_ASSERT(memcmp(value, again, UUID_SIZE) == 0);
}

static void
event_time(ByteView text)
{
	char written[EVENT_TIME_SIZE];
	PgUsec at;
	PgUsec again;

	if (event_time_parse(text, &at) && event_time_format(at, written))
		FUZZ_ASSERT(event_time_parse(view_of(written), &again) && again == at);
}

static void
traceparent(ByteView text)
{
	ByteView valid;
	ByteView again;

	if (!traceparent_parse(text, &valid))
	{
		FUZZ_ASSERT(valid.data == NULL);
		return;
	}
	FUZZ_ASSERT(valid.len == TRACEPARENT_LEN && fuzz_within(text, valid));
	FUZZ_ASSERT(traceparent_parse(valid, &again));
	(void) traceparent_is_sampled(valid);
}

static void
timelines(const char *text, size_t len)
{
	static TimelineHistory history;
	uint32_t last = 0;
	Error error;

	error_clear(&error);
	if (!timeline_parse(&history, 1025, text, len, &error))
	{
		FUZZ_ASSERT(error.error_class != ERROR_CLASS_NONE && error.message[0] != '\0');
		return;
	}
	for (int i = 0; i < history.count; i++)
	{
		PgLsn end = history.entries[i].end_lsn;

		FUZZ_ASSERT(history.entries[i].timeline > last && history.entries[i].timeline < 1025);
		FUZZ_ASSERT(i == 0 || end >= history.entries[i - 1].end_lsn);
		last = history.entries[i].timeline;
		FUZZ_ASSERT(timeline_of(&history, end) > last);
	}
	FUZZ_ASSERT(timeline_of(&history, UINT64_MAX) == 1025);
}

/* Of the words of a server's answer, which a blank separates. */
static void
identity(char *text)
{
	char *blank = strchr(text, ' ');
	ServerIdentity found;
	ServerIdentity latest = {0};

	if (blank == NULL)
		return;
	*blank = '\0';
	found = server_identity_parse(text, blank + 1);
	FUZZ_ASSERT(server_identity_admit(&latest, &found));
	FUZZ_ASSERT(server_identity_admit(&latest, &found));
	if (found.system != 0 && found.timeline > 0)
	{
		found.timeline--;
		FUZZ_ASSERT(!server_identity_admit(&latest, &found));
	}
}

static void
words(const char *text, size_t len)
{
	bool present[MODE_COUNT];
	char list[MODE_LIST_SIZE];
	unsigned links;
	Mode mode;
	Part part;

	if (mode_parse(text, len, &mode))
		FUZZ_ASSERT(len == strlen(mode_name(mode)) && memcmp(text, mode_name(mode), len) == 0);
	if (part_parse(text, len, &part))
		FUZZ_ASSERT(len == strlen(part_name(part)) && memcmp(text, part_name(part), len) == 0);
	if (links_parse(text, len, &links))
		FUZZ_ASSERT(links != 0 && links < LINK_BIT(LINK_COUNT));
	if (mode_parse_list(text, present))
	{
		mode_format_list(present, list, sizeof(list));
		FUZZ_ASSERT(mode_parse_list(list, present));
	}
}

/* An argument of replay for each line. */
static void
arguments(char *text)
{
	SelectArgs args = {0};
	ArgCursor cursor = {0};
	char *lines[16];
	bool wrong = false;
	Error error;

	error_clear(&error);
	for (char *line = text; line != NULL && cursor.argc < 16; cursor.argc++)
	{
		char *end = strchr(line, '\n');

		lines[cursor.argc] = line;
		if (end != NULL)
			*end = '\0';
		line = end != NULL ? end + 1 : NULL;
	}
	cursor.argv = lines;
	for (; cursor.index < cursor.argc && !wrong; cursor.index++)
		wrong = select_take_argument(&cursor, &args, &error) == ARG_WRONG;
	if (wrong || !select_finish(&args, &error))
		FUZZ_ASSERT(error.message[0] != '\0');
	else
		FUZZ_ASSERT(args.gap || args.since != NULL || args.until != NULL || args.begun ||
					args.aggregate_type[0] != '\0');
	select_args_free(&args);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ByteView view = {data + 1, size - 1};
	char *text;

	if (size == 0)
		return 0;
	text = fuzz_text(view.data, view.len);
	FUZZ_ASSERT(text != NULL);
	switch (data[0])
	{
		case 's':
			settings(text);
			break;
		case 'l':
			lsn((const char *) view.data, view.len);
			break;
		case 'p':
			position((const char *) view.data, view.len);
			break;
		case 'u':
			uuid((const char *) view.data, view.len);
			break;
		case 't':
			event_time(view);
			break;
		case 'w':
			traceparent(view);
			break;
		case 'h':
			timelines((const char *) view.data, view.len);
			break;
		case 'i':
			identity(text);
			break;
		case 'm':
			words(text, strlen(text));
			break;
		case 'a':
			arguments(text);
			break;
		default:
			break;
	}
	free(text);
	return 0;
}
