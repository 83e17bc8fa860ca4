/*
 * notes.c
 *	  An array of numbers.
 */
#include "notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
notes_init(Notes *notes, size_t limit, int width, Error *error)
{
	size_t size = limit * (size_t) width * sizeof(int64_t);

	*notes = (Notes){.limit = limit, .width = width};
	notes->numbers = malloc(size);
	if (notes->numbers == NULL)
		return error_bug(error, "out of memory");
	memset(notes->numbers, 1, size);
	return true;
}

void
notes_free(Notes *notes)
{
	free(notes->numbers);
}

bool
notes_add(Notes *notes, const int64_t numbers[NOTE_NUMBERS])
{
	if (notes->count >= notes->limit)
		return false;
	memcpy(notes->numbers + notes->count * (size_t) notes->width, numbers,
		   (size_t) notes->width * sizeof(int64_t));
	notes->count++;
	return true;
}

bool
notes_print(const Notes *notes, Error *error)
{
	for (size_t i = 0; i < notes->count; i++)
	{
		for (int n = 0; n < notes->width; n++)
			printf("%s%" PRId64, n > 0 ? " " : "",
				   notes->numbers[i * (size_t) notes->width + (size_t) n]);
		printf("\n");
	}
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	return error_bug(error, "could not print what was noted");
}
