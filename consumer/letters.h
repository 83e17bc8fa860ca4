/*
 * letters.h
 *	  Where dead letters go, as the conductor sees it: a small vtable.
 *	  kafka_letters implements it.
 *
 * Nothing blocks.  One letter at a time: after send(), step() tells its outcome
 * once.  A letter that nobody waits for any more may still be
 * stored; send() of the next one makes step() forget the outcome of the last.
 */
#ifndef OUTBOX_CONSUMER_LETTERS_H
#define OUTBOX_CONSUMER_LETTERS_H

#include "clock.h"
#include "error.h"
#include "reader.h"

typedef enum LetterOutcome
{
	LETTER_PENDING,
	LETTER_STORED,	  /* acknowledged by all replicas that are in sync */
	LETTER_TOO_LARGE, /* this form of it */
	LETTER_REFUSED,	  /* it will never be taken: error says why */
	LETTER_FAILED	  /* it may be taken later */
} LetterOutcome;

typedef struct LetterReport
{
	LetterOutcome outcome;
	int32_t partition; /* of STORED */
	int64_t offset;
	Error error;
} LetterReport;

typedef struct Letter
{
	ByteView key; /* NULL data: null */
	ByteView value;
	ByteView headers;	  /* raw_headers.h */
	int64_t timestamp_ms; /* -1: now */
} Letter;

typedef struct LetterSink LetterSink;

typedef struct LetterSinkClass
{
	/* Copies.  False: the report says why, at once. */
	bool (*send)(LetterSink *sink, const Letter *letter, LetterReport *report);
	LetterOutcome (*step)(LetterSink *sink, LetterReport *report);
	const char *(*topic)(const LetterSink *sink);
	int (*fd)(const LetterSink *sink);
	void (*destroy)(LetterSink *sink);
} LetterSinkClass;

struct LetterSink
{
	const LetterSinkClass *methods;
};

#endif
