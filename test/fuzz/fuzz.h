/*
 * fuzz.h
 *	  What the fuzz targets share.  A target defines LLVMFuzzerTestOneInput; libFuzzer
 *	  or replay.c calls it.
 */
#ifndef OUTBOX_TEST_FUZZ_H
#define OUTBOX_TEST_FUZZ_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

#define FUZZ_ASSERT(condition)                                                                     \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
			abort();                                                                               \
		}                                                                                          \
	} while (0)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As text, to its end or the first NUL; strndup() would be said to read further.  The caller frees it. */
static inline char *
fuzz_text(const void *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_ASSERT(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Whether the inner view lies in the outer one; a view without data lies everywhere. */
static inline bool
fuzz_within(ByteView outer, ByteView inner)
{
	if (inner.data == NULL)
		return inner.len == 0;
	return inner.data >= outer.data && inner.data <= outer.data + outer.len &&
		   inner.len <= (size_t) (outer.data + outer.len - inner.data);
}

#endif
