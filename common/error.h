/*
 * error.h
 *	  Errors as values.
 *
 * A fallible function returns false (or IO_FAILED, or NULL) and fills an Error
 * that its caller owns.  Leaves never log, never retry and never exit: the
 * class alone decides what the conductor does.
 *
 *	TRANSIENT	may work later: reconnect with backoff
 *	PERMANENT	will not work until somebody changes something: stop with exit_code
 *	BUG			cannot happen: stop with EXIT_BUG, and say so
 *
 * Messages follow the server's style: lower case, no final period, "could not
 * ...: reason"; detail and hint are full sentences.  They never hold a payload
 * or a password.
 */
#ifndef OUTBOX_COMMON_ERROR_H
#define OUTBOX_COMMON_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

typedef enum ErrorClass
{
	ERROR_CLASS_NONE = 0,
	ERROR_CLASS_TRANSIENT,
	ERROR_CLASS_PERMANENT,
	ERROR_CLASS_BUG
} ErrorClass;

typedef struct Error
{
	ErrorClass error_class;
	int exit_code;	   /* for PERMANENT and BUG, see exit_codes.h */
	char sqlstate[6];  /* "" when the error did not come from PostgreSQL */
	char code[48];	   /* Kafka's name of it; "" when it did not come from there */
	char message[512]; /* what went wrong */
	char detail[512];  /* "" or facts */
	char hint[512];	   /* "" or what mends it */
} Error;

/* What the verbs that do not block return. */
typedef enum IoResult
{
	IO_OK,	  /* done; there may be more */
	IO_AGAIN, /* nothing now: wait for the descriptor */
	IO_FULL,  /* no room now: the caller keeps what it has */
	IO_END,	  /* the peer ended in good order */
	IO_FAILED /* the Error is filled */
} IoResult;

extern void error_clear(Error *error);

/* All three fill the error and return false, for "return error_set(...)". */
extern bool error_transient(Error *error, const char *fmt, ...) PRINTF_LIKE(2, 3);
extern bool error_permanent(Error *error, int exit_code, const char *fmt, ...) PRINTF_LIKE(3, 4);
extern bool error_bug(Error *error, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Add to an error that is set; return false as well. */
extern bool error_detail(Error *error, const char *fmt, ...) PRINTF_LIKE(2, 3);
extern bool error_hint(Error *error, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Makes the message longer, by as much of the text as there is room for. */
extern void error_append(Error *error, const char *text);

extern const char *error_class_name(ErrorClass error_class);

#endif
