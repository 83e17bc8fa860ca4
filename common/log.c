/*
 * log.c
 *	  One line an event, one write(2) a line.
 *
 * What log_init() set is only read afterwards, and a line is built in a buffer
 * of its own, so any thread may log.  A line has at most LOG_LINE_MAX bytes; a
 * field that does not fit is left out and the line says "truncated".  Text that
 * is not valid UTF-8 is repaired, and nothing in a field can start a new line.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"

#define LOG_LINE_MAX 16384
#define LOG_TAIL_ROOM 32 /* for "truncated" and what closes the line */
#define LOG_COMPONENT_MAX 32

static char log_component[LOG_COMPONENT_MAX] = "outbox";
static LogLevel log_threshold = LOG_LEVEL_INFO;
static bool log_as_json = true;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void
log_init(const char *component, LogLevel level, LogFormat format)
{
	size_t len = strlen(component);

	if (len >= sizeof(log_component))
		len = sizeof(log_component) - 1;
	memcpy(log_component, component, len);
	log_component[len] = '\0';
	log_threshold = level;
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

	if (level < log_threshold)
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

	if (level < log_threshold)
		return;
	start_line(&line, level, error->message);
	append_field(&line, "class", error_class_name(error->error_class), &truncated);
	if (error->sqlstate[0] != '\0')
		append_field(&line, "sqlstate", error->sqlstate, &truncated);
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
