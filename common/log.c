/*
 * log.c
 *	  One line an event, one write(2) a line.
 *
 * What log_init() set is read as atoms (the component is set once), and a line is built in
 * a buffer of its own, so any thread may log.  A line has at most LOG_LINE_MAX bytes; a
 * field that does not fit is left out and the line says "truncated".  Text that
 * is not valid UTF-8 is repaired, and nothing in a field can start a new line.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"

#define LOG_LINE_MAX 16384
#define LOG_TAIL_ROOM 32 /* for "truncated" and what closes the line */
#define LOG_COMPONENT_MAX 32

static char log_component[LOG_COMPONENT_MAX] = "outbox";
static _Atomic int log_threshold = LOG_LEVEL_INFO;
static atomic_bool log_as_json = true;
static atomic_bool log_to_journal = false;

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static const char level_priorities[] = {'7', '6', '4', '3'};

/* Whether JOURNAL_STREAM, "device:inode", is about this very stderr. */
static bool
stderr_is_the_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat here;
	char *inode;

	if (stream == NULL || fstat(STDERR_FILENO, &here) != 0 ||
		strtoull(stream, &inode, 10) != (unsigned long long) here.st_dev || *inode != ':')
		return false;
	return strtoull(inode + 1, NULL, 10) == (unsigned long long) here.st_ino;
}

void
log_init(const char *component, LogLevel level, LogFormat format)
{
	size_t len = strlen(component);

	if (len >= sizeof(log_component))
		len = sizeof(log_component) - 1;
	if (strncmp(log_component, component, sizeof(log_component)) != 0)
	{
		memcpy(log_component, component, len);
		log_component[len] = '\0';
	}
	log_threshold = (int) level;
	log_to_journal = stderr_is_the_journal();
	log_as_json =
		format == LOG_FORMAT_JSON || (format == LOG_FORMAT_AUTO && !isatty(STDERR_FILENO));
}

bool
log_level_parse(const char *text, LogLevel *level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
	{
		if (strcmp(text, level_names[i]) == 0)
		{
			*level = (LogLevel) i;
			return true;
		}
	}
	return false;
}

bool
log_format_parse(const char *text, LogFormat *format)
{
	if (strcmp(text, "auto") == 0)
		*format = LOG_FORMAT_AUTO;
	else if (strcmp(text, "text") == 0)
		*format = LOG_FORMAT_TEXT;
	else if (strcmp(text, "json") == 0)
		*format = LOG_FORMAT_JSON;
	else
		return false;
	return true;
}

/* A word that needs no quotes in a line of text. */
static bool
is_plain_word(const char *text)
{
	if (*text == '\0')
		return false;
	for (const char *c = text; *c != '\0'; c++)
	{
		if ((uint8_t) *c <= ' ' || (uint8_t) *c >= 0x7F || *c == '"' || *c == '=' || *c == '\\')
			return false;
	}
	return true;
}

/* A message for people: as it is, but on one line. */
static void
append_message(Buffer *line, const char *message)
{
	for (const char *c = message; *c != '\0';)
	{
		size_t len = strcspn(c, "\n\r\t\033");
		ByteView plain = {(const uint8_t *) c, len};

		buffer_append_utf8(line, plain);
		c += len;
		if (*c != '\0')
		{
			buffer_append(line, " ", 1);
			c++;
		}
	}
}

/* These are numbers wherever they stand, so that whoever indexes them sees one type. */
static const char *const number_fields[] = {
	"at_most",	   "at_most_seconds", "away_seconds",	 "events",		"failures",	 "lasted_ms",
	"next_offset", "number",		  "offset",			 "ordinal",		"partition", "partitions",
	"pid",		   "recorded",		  "repeated",		 "retry_in_ms", "rows",		 "successes",
	"suppressed",  "window_calls",	  "window_failures", "window_slow", "xid",
};

/* As JSON has it; "%.3g" gives 3.6e+03. */
static bool
is_json_number(const char *text)
{
	size_t digits;

	text += *text == '-';
	digits = strspn(text, "0123456789");
	if (digits == 0 || (digits > 1 && *text == '0'))
		return false;
	text += digits;
	if (*text == '.')
	{
		digits = strspn(++text, "0123456789");
		text += digits;
		if (digits == 0)
			return false;
	}
	if (*text == 'e' || *text == 'E')
	{
		text++;
		text += *text == '-' || *text == '+';
		digits = strspn(text, "0123456789");
		text += digits;
		if (digits == 0)
			return false;
	}
	return *text == '\0';
}

static bool
is_number(const char *name, const char *value)
{
	for (size_t i = 0; i < sizeof(number_fields) / sizeof(number_fields[0]); i++)
	{
		if (strcmp(number_fields[i], name) == 0)
			return is_json_number(value);
	}
	return false;
}

/* Appends a field, or nothing at all when it does not fit. */
static void
append_field(Buffer *line, const char *name, const char *value, bool *truncated)
{
	size_t len = line->len;

	if (log_as_json)
	{
		buffer_append(line, ",", 1);
		buffer_append_json_string(line, view_of(name));
		buffer_append(line, ":", 1);
		if (is_number(name, value))
			buffer_append_str(line, value);
		else
			buffer_append_json_string(line, view_of(value));
	}
	else
	{
		buffer_printf(line, " %s=", name);
		if (is_plain_word(value))
			buffer_append_str(line, value);
		else
			buffer_append_json_string(line, view_of(value));
	}
	if (line->failed && line->capacity > 0)
	{
		line->failed = false;
		line->len = len;
		line->data[len] = '\0';
		*truncated = true;
	}
}

static void
start_line(Buffer *line, LogLevel level, const char *message)
{
	char at[CLOCK_TEXT_SIZE];
	char shortened[2048];
	size_t len = strlen(message);

	if (len >= sizeof(shortened))
	{
		len = sizeof(shortened) - 1;
		memcpy(shortened, message, len);
		shortened[len] = '\0';
		message = shortened;
	}

	clock_format(clock_wall(), at);
	buffer_init(line, LOG_LINE_MAX - LOG_TAIL_ROOM);
	if (log_to_journal)
		buffer_printf(line, "<%c>", level_priorities[level]);
	if (log_as_json)
	{
		buffer_printf(line, "{\"ts\":\"%s\",\"level\":\"%s\",\"component\":", at,
					  level_names[level]);
		buffer_append_json_string(line, view_of(log_component));
		buffer_append_str(line, ",\"msg\":");
		buffer_append_json_string(line, view_of(message));
	}
	else
	{
		buffer_printf(line, "%s %-5s %s: ", at, level_names[level], log_component);
		append_message(line, message);
	}
}

static void
finish_line(Buffer *line, bool truncated)
{
	const char *data;
	size_t len;

	line->limit = LOG_LINE_MAX;
	if (truncated)
		buffer_append_str(line, log_as_json ? ",\"truncated\":\"true\"" : " truncated=true");
	buffer_append_str(line, log_as_json ? "}\n" : "\n");

	/* One call a line; the loop is for a short write alone.  A log that cannot be written is lost. */
	data = line->data;
	len = line->len;
	while (len > 0)
	{
		ssize_t written = write(STDERR_FILENO, data, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		data += written;
		len -= (size_t) written;
	}
	buffer_free(line);
}

static void
append_fields(Buffer *line, va_list args, bool *truncated)
{
	const char *name;

	while ((name = va_arg(args, const char *)) != NULL)
	{
		const char *value = va_arg(args, const char *);

		if (value != NULL)
			append_field(line, name, value, truncated);
	}
}

void
log_event(LogLevel level, const char *message, ...)
{
	int saved_errno = errno;
	Buffer line;
	bool truncated = false;
	va_list args;

	if ((int) level < log_threshold)
		return;
	start_line(&line, level, message);
	va_start(args, message);
	append_fields(&line, args, &truncated);
	va_end(args);
	finish_line(&line, truncated);
	errno = saved_errno;
}

void
log_error(LogLevel level, const Error *error, ...)
{
	int saved_errno = errno;
	Buffer line;
	bool truncated = false;
	va_list args;

	if ((int) level < log_threshold)
		return;
	start_line(&line, level, error->message);
	append_field(&line, "class", error_class_name(error->error_class), &truncated);
	if (error->sqlstate[0] != '\0')
		append_field(&line, "sqlstate", error->sqlstate, &truncated);
	if (error->code[0] != '\0')
		append_field(&line, "code", error->code, &truncated);
	if (error->detail[0] != '\0')
		append_field(&line, "detail", error->detail, &truncated);
	if (error->hint[0] != '\0')
		append_field(&line, "hint", error->hint, &truncated);
	va_start(args, error);
	append_fields(&line, args, &truncated);
	va_end(args);
	finish_line(&line, truncated);
	errno = saved_errno;
}

bool
log_limit_pass(LogLimit *limit, MonoUsec now, int64_t interval_usec, unsigned long *suppressed)
{
	if (now < limit->next_at)
	{
		limit->suppressed++;
		return false;
	}
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->next_at = now > MONO_NEVER - interval_usec ? MONO_NEVER : now + interval_usec;
	return true;
}

/* FNV-1a over everything but digits; never 0. */
static uint64_t
kind_of(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *text != '\0'; text++)
	{
		if (*text < '0' || *text > '9')
			hash = (hash ^ (uint8_t) *text) * UINT64_C(1099511628211);
	}
	return hash != 0 ? hash : 1;
}

bool
log_repeat_pass(LogRepeat *repeat, const char *text, MonoUsec now, int64_t interval_usec,
				unsigned long *suppressed)
{
	uint64_t kind = kind_of(text);
	unsigned at;

	for (at = 0; at < LOG_KINDS; at++)
	{
		if (repeat->kinds[at].kind == kind)
			return log_limit_pass(&repeat->kinds[at].limit, now, interval_usec, suppressed);
	}
	at = repeat->next;
	repeat->next = (repeat->next + 1) % LOG_KINDS;
	repeat->kinds[at].kind = kind;
	repeat->kinds[at].limit = (LogLimit){0};
	return log_limit_pass(&repeat->kinds[at].limit, now, interval_usec, suppressed);
}

const char *
log_count(unsigned long suppressed, char *room)
{
	if (suppressed == 0)
		return NULL;
	snprintf(room, LOG_COUNT_SIZE, "%lu", suppressed);
	return room;
}
