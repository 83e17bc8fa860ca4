/*
 * notes.h
 *	  What was seen when: kept in memory while something is measured, printed at the end.
 */
#ifndef OUTBOX_BENCH_NOTES_H
#define OUTBOX_BENCH_NOTES_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define NOTE_NUMBERS 5

typedef struct Notes
{
	int64_t *numbers;
	size_t count; /* of notes */
	size_t limit;
	int width; /* numbers in a note */
} Notes;

/* Room for "limit" notes of "width" (1 to NOTE_NUMBERS) numbers, touched so that none is waited for later. */
extern MUST_CHECK bool notes_init(Notes *notes, size_t limit, int width, Error *error);
extern void notes_free(Notes *notes);

/* The numbers beyond the width are left out; false when there is no room. */
extern bool notes_add(Notes *notes, const int64_t numbers[NOTE_NUMBERS]);

/* One line each, to standard output. */
extern MUST_CHECK bool notes_print(const Notes *notes, Error *error);

#endif
