/*
 * error.c
 *	  Filling errors.
 *
 * Text is formatted into a local array first: callers may pass the error's own
 * message as an argument ("reading %s: %s", file, error->message).  What does
 * not fit is cut off.
 */
#include "error.h"

#include <stdio.h>
#include <string.h>

#include "exit_codes.h"

static void error_format(char *target, size_t size, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));
static void error_fill(Error *error, ErrorClass error_class, int exit_code, const char *fmt,
					   va_list args) __attribute__((format(printf, 4, 0)));

static void
error_format(char *target, size_t size, const char *fmt, va_list args)
{
	char text[sizeof(((Error *) 0)->message)];

	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	snprintf(target, size, "%s", text);
}

static void
error_fill(Error *error, ErrorClass error_class, int exit_code, const char *fmt, va_list args)
{
	char message[sizeof(error->message)];

	error_format(message, sizeof(message), fmt, args);
	error_clear(error);
	error->error_class = error_class;
	error->exit_code = exit_code;
	memcpy(error->message, message, sizeof(message));
}

void
error_clear(Error *error)
{
	memset(error, 0, sizeof(*error));
}

bool
error_transient(Error *error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_fill(error, ERROR_CLASS_TRANSIENT, EXIT_OK, fmt, args);
	va_end(args);
	return false;
}

bool
error_permanent(Error *error, int exit_code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_fill(error, ERROR_CLASS_PERMANENT, exit_code, fmt, args);
	va_end(args);
	return false;
}

bool
error_bug(Error *error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_fill(error, ERROR_CLASS_BUG, EXIT_BUG, fmt, args);
	va_end(args);
	return false;
}

bool
error_detail(Error *error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_format(error->detail, sizeof(error->detail), fmt, args);
	va_end(args);
	return false;
}

bool
error_hint(Error *error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_format(error->hint, sizeof(error->hint), fmt, args);
	va_end(args);
	return false;
}

void
error_append(Error *error, const char *text)
{
	size_t used = strlen(error->message);
	size_t len = strnlen(text, sizeof(error->message) - used - 1);

	memcpy(error->message + used, text, len);
	error->message[used + len] = '\0';
}

const char *
error_class_name(ErrorClass error_class)
{
	switch (error_class)
	{
		case ERROR_CLASS_NONE:
			return "none";
		case ERROR_CLASS_TRANSIENT:
			return "transient";
		case ERROR_CLASS_PERMANENT:
			return "permanent";
		case ERROR_CLASS_BUG:
			return "bug";
	}
	return "unrecognized";
}
