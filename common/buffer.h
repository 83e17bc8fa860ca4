/*
 * buffer.h
 *	  A growing byte buffer whose limit is given at its birth.
 *
 * Appending past the limit, or running out of memory, sets "failed"; what was
 * there before stays.  Check once, at the end.  The data is always followed by
 * a NUL that is not counted.  Integers go out in network byte order.
 */
#ifndef OUTBOX_COMMON_BUFFER_H
#define OUTBOX_COMMON_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "reader.h"

typedef struct Buffer
{
	char *data;
	size_t len;
	size_t capacity;
	size_t limit;
	bool failed;
} Buffer;

extern void buffer_init(Buffer *buffer, size_t limit);
extern void buffer_reset(Buffer *buffer); /* empty it, keep the memory, clear "failed" */
extern void buffer_free(Buffer *buffer);

extern void buffer_append(Buffer *buffer, const void *data, size_t len);
extern void buffer_append_str(Buffer *buffer, const char *text);
extern void buffer_printf(Buffer *buffer, const char *fmt, ...) PRINTF_LIKE(2, 3);
extern void buffer_append_u8(Buffer *buffer, uint8_t value);
extern void buffer_append_u16(Buffer *buffer, uint16_t value);
extern void buffer_append_u32(Buffer *buffer, uint32_t value);
extern void buffer_append_u64(Buffer *buffer, uint64_t value);

/* Overwrite 4 bytes that were appended before, at "offset". */
extern void buffer_patch_u32(Buffer *buffer, size_t offset, uint32_t value);

extern ByteView buffer_view(const Buffer *buffer);

#endif
