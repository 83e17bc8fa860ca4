/*
 * buffer.c
 *	  A growing byte buffer.
 *
 * Invariants: len <= limit; capacity is 0 (nothing allocated, data is a shared
 * empty string that is never written) or > len, with data[len] == '\0'.  After
 * a failure every append is ignored until buffer_reset().
 */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_FIRST_CAPACITY 256

static char empty[1];

void
buffer_init(Buffer *buffer, size_t limit)
{
	buffer->data = empty;
	buffer->len = 0;
	buffer->capacity = 0;
	buffer->limit = limit < SIZE_MAX ? limit : SIZE_MAX - 1;
	buffer->failed = buffer->no_memory = false;
}

void
buffer_reset(Buffer *buffer)
{
	buffer->len = 0;
	buffer->failed = buffer->no_memory = false;
	if (buffer->capacity > 0)
		buffer->data[0] = '\0';
}

void
buffer_free(Buffer *buffer)
{
	if (buffer->capacity > 0)
		free(buffer->data);
	buffer_init(buffer, buffer->limit);
}

/* Makes room for "more" bytes and the terminator; false, and "failed", when there is none. */
static bool
reserve(Buffer *buffer, size_t more)
{
	size_t needed;
	size_t capacity;
	char *data;

	if (buffer->failed)
		return false;
	if (more > buffer->limit - buffer->len)
	{
		buffer->failed = true;
		return false;
	}
	needed = buffer->len + more + 1;
	if (needed <= buffer->capacity)
		return true;

	capacity = buffer->capacity > SIZE_MAX / 2 ? needed : buffer->capacity * 2;
	if (capacity < BUFFER_FIRST_CAPACITY)
		capacity = BUFFER_FIRST_CAPACITY;
	if (capacity > buffer->limit + 1)
		capacity = buffer->limit + 1;
	if (capacity < needed)
		capacity = needed;
	data = realloc(buffer->capacity > 0 ? buffer->data : NULL, capacity);
	if (data == NULL)
	{
		buffer->failed = buffer->no_memory = true;
		return false;
	}
	buffer->data = data;
	buffer->data[buffer->len] = '\0';
	buffer->capacity = capacity;
	return true;
}

void
buffer_append(Buffer *buffer, const void *data, size_t len)
{
	if (len == 0 || !reserve(buffer, len))
		return;
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	buffer->data[buffer->len] = '\0';
}

void
buffer_append_str(Buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void
buffer_printf(Buffer *buffer, const char *fmt, ...)
{
	va_list args;
	size_t room;
	int len;

	if (buffer->failed)
		return;

	room = buffer->capacity > 0 ? buffer->capacity - buffer->len : 0;
	va_start(args, fmt);
	len = vsnprintf(room > 0 ? buffer->data + buffer->len : NULL, room, fmt, args);
	va_end(args);
	if (len >= 0 && (size_t) len < room && (size_t) len <= buffer->limit - buffer->len)
	{
		buffer->len += (size_t) len;
		return;
	}

	if (room > 0)
		buffer->data[buffer->len] = '\0';
	if (len < 0)
	{
		buffer->failed = true;
		return;
	}
	if (!reserve(buffer, (size_t) len))
		return;
	va_start(args, fmt);
	len = vsnprintf(buffer->data + buffer->len, (size_t) len + 1, fmt, args);
	va_end(args);
	buffer->len += (size_t) len;
}

static void
append_integer(Buffer *buffer, uint64_t value, size_t len)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t) (value >> (8 * (len - 1 - i)));
	buffer_append(buffer, bytes, len);
}

void
buffer_append_u8(Buffer *buffer, uint8_t value)
{
	append_integer(buffer, value, 1);
}

void
buffer_append_u16(Buffer *buffer, uint16_t value)
{
	append_integer(buffer, value, 2);
}

void
buffer_append_u32(Buffer *buffer, uint32_t value)
{
	append_integer(buffer, value, 4);
}

void
buffer_append_u64(Buffer *buffer, uint64_t value)
{
	append_integer(buffer, value, 8);
}

void
buffer_patch_u32(Buffer *buffer, size_t offset, uint32_t value)
{
	if (buffer->failed)
		return;
	if (buffer->len < 4 || offset > buffer->len - 4)
	{
		buffer->failed = true;
		return;
	}
	for (int i = 0; i < 4; i++)
		buffer->data[offset + (size_t) i] = (char) (uint8_t) (value >> (24 - 8 * i));
}

void
buffer_append_utf8(Buffer *buffer, ByteView text)
{
	size_t start = 0; /* of what is valid and not yet appended */
	size_t pos = 0;

	while (pos < text.len)
	{
		size_t size = utf8_sequence(text.data + pos, text.len - pos);

		if (size > 0)
		{
			pos += size;
			continue;
		}
		buffer_append(buffer, text.data + start, pos - start);
		buffer_append(buffer, "\xEF\xBF\xBD", 3);
		start = ++pos;
	}
	if (pos > start)
		buffer_append(buffer, text.data + start, pos - start);
}

/* Escapes one ASCII character that can't stand in a JSON string as it is. */
static void
append_json_escape(Buffer *buffer, uint8_t c)
{
	switch (c)
	{
		case '"':
			buffer_append(buffer, "\\\"", 2);
			break;
		case '\\':
			buffer_append(buffer, "\\\\", 2);
			break;
		case '\n':
			buffer_append(buffer, "\\n", 2);
			break;
		case '\r':
			buffer_append(buffer, "\\r", 2);
			break;
		case '\t':
			buffer_append(buffer, "\\t", 2);
			break;
		default:
			buffer_printf(buffer, "\\u%04x", c);
			break;
	}
}

void
buffer_append_json_string(Buffer *buffer, ByteView text)
{
	size_t start = 0;

	if (text.data == NULL)
	{
		buffer_append(buffer, "null", 4);
		return;
	}
	buffer_append(buffer, "\"", 1);
	for (size_t pos = 0; pos < text.len; pos++)
	{
		uint8_t c = text.data[pos];
		ByteView plain = {text.data + start, pos - start};

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F)
			continue;
		buffer_append_utf8(buffer, plain);
		append_json_escape(buffer, c);
		start = pos + 1;
	}
	if (start < text.len)
	{
		ByteView plain = {text.data + start, text.len - start};

		buffer_append_utf8(buffer, plain);
	}
	buffer_append(buffer, "\"", 1);
}

ByteView
buffer_view(const Buffer *buffer)
{
	ByteView view = {(const uint8_t *) buffer->data, buffer->len};

	return view;
}
