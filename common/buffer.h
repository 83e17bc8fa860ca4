/*
 * buffer.h
 *	  A growing byte buffer whose limit is given at its birth.  Pure.
 *
 * Appending past the limit, or running out of memory, sets "failed"; what was
 * there before stays, and later appends are ignored until buffer_reset().  Check
 * once, at the end.  The data is always followed by a NUL that is not counted,
 * in a new buffer as well.  Integers go out in network byte order.  Memory was
 * allocated only when capacity > 0.  No shared state: a buffer may be used by
 * one thread at a time, different buffers by different threads.
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
	bool no_memory; /* that is why it failed, and not the limit */
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

/* Appends text, with U+FFFD in place of each byte that is not part of valid UTF-8. */
extern void buffer_append_utf8(Buffer *buffer, ByteView text);

/*
 * Appends text as a JSON string with its quotes, or null when its data pointer
 * is NULL.  Bytes that are not valid UTF-8 become U+FFFD, so the result always
 * is a valid JSON value.
 */
extern void buffer_append_json_string(Buffer *buffer, ByteView text);

extern ByteView buffer_view(const Buffer *buffer);

#endif
