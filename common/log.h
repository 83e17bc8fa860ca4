/*
 * log.h
 *	  One line an event, to stderr: JSON when stderr is no terminal, else text.
 *
 *	{"ts":"2026-01-31T12:34:56.789Z","level":"info","component":"relay","msg":"streaming","lsn":"0/16B37"}
 *	2026-01-31T12:34:56.789Z info  relay: streaming lsn=0/16B37
 *
 * Where the journal reads stderr (JOURNAL_STREAM), each line begins with "<N>", the level as
 * in syslog(3): the journal takes it off and keeps it as PRIORITY.
 *
 * Fields are (name, value) pairs of C strings ended by NULL; in JSON the counts, places and
 * times that log.c lists by name are numbers, the rest are strings.  Never a payload,
 * never a password.  A field whose value is NULL is left out.  Only conductors
 * and main.c log; after log_init() any thread may.  log_init() may be called again: lines of
 * other threads follow the old or the new settings.
 */
#ifndef OUTBOX_COMMON_LOG_H
#define OUTBOX_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "error.h"

typedef enum LogLevel
{
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR
} LogLevel;

typedef enum LogFormat
{
	LOG_FORMAT_AUTO, /* text on a terminal, JSON elsewhere */
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON
} LogFormat;

extern void log_init(const char *component, LogLevel level, LogFormat format);
extern MUST_CHECK bool log_level_parse(const char *text, LogLevel *level);
extern MUST_CHECK bool log_format_parse(const char *text, LogFormat *format);

/* log_event(LOG_LEVEL_INFO, "streaming", "lsn", lsn_text, "slot", slot, NULL) */
extern void log_event(LogLevel level, const char *message, ...) __attribute__((sentinel));

/*
 * Message, class, SQLSTATE, code, detail and hint of an error, then the fields, as in
 * log_error(LOG_LEVEL_WARNING, &error, "peer", "kafka", NULL).
 */
extern void log_error(LogLevel level, const Error *error, ...) __attribute__((sentinel));

/*
 * Says whether a repeated message may go out: true at most once per interval
 * for each LogLimit.  *suppressed gets the number held back since the last one.
 */
typedef struct LogLimit
{
	MonoUsec next_at;
	unsigned long suppressed;
} LogLimit;

extern bool log_limit_pass(LogLimit *limit, MonoUsec now, int64_t interval_usec,
						   unsigned long *suppressed);

/*
 * The same for messages of many kinds: the first of a kind passes, and then one in an
 * interval.  Texts that differ in their digits alone are of one kind, so that an attempt's
 * number or a duration makes no new one.  Zero is a good start, and forgets everything.
 */
#define LOG_KINDS 8
typedef struct LogRepeat
{
	struct
	{
		uint64_t kind; /* 0: free */
		LogLimit limit;
	} kinds[LOG_KINDS]; /* the last ones; the one that came first makes room */
	unsigned next;
} LogRepeat;

extern bool log_repeat_pass(LogRepeat *repeat, const char *text, MonoUsec now,
							int64_t interval_usec, unsigned long *suppressed);

/* "repeated" as the value of a field: NULL for 0.  room has LOG_COUNT_SIZE. */
#define LOG_COUNT_SIZE 24
extern const char *log_count(unsigned long suppressed, char *room);

#endif
