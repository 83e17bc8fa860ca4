/*
 * kafka_letter_reader.h
 *	  Fetches one record of Kafka by its place.  It blocks, for commands.
 */
#ifndef OUTBOX_CONSUMER_KAFKA_LETTER_READER_H
#define OUTBOX_CONSUMER_KAFKA_LETTER_READER_H

#include "error.h"
#include "options.h"
#include "reader.h"

typedef struct LetterReader LetterReader;

typedef struct LetterRecord
{
	ByteView key; /* NULL data: null; all are valid until the next fetch */
	ByteView value;
	ByteView headers;	  /* raw_headers.h */
	int64_t timestamp_ms; /* -1: none */
} LetterRecord;

/* The group is never joined.  NULL with the Error filled. */
extern MUST_CHECK LetterReader *letter_reader_open(const Options *options, const char *group,
												   Error *error);
extern void letter_reader_close(LetterReader *reader); /* NULL is allowed */

/*
 * IO_OK; IO_END: there is no such record, error says why; IO_FAILED: no answer within
 * the time.  Quick when it is a little behind the last one.
 */
extern MUST_CHECK IoResult letter_reader_fetch(LetterReader *reader, const char *topic,
											   int32_t partition, int64_t offset, int timeout_ms,
											   LetterRecord *record, Error *error);

#endif
