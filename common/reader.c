/*
 * reader.c
 *	  A bounded cursor.  pos <= size always; nothing is read after a failure.
 */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t no_bytes[1];

void
reader_init(Reader *reader, const void *data, size_t size)
{
	reader->data = data != NULL ? data : no_bytes;
	reader->size = data != NULL ? size : 0;
	reader->pos = 0;
	reader->failed = false;
}

size_t
reader_remaining(const Reader *reader)
{
	return reader->failed ? 0 : reader->size - reader->pos;
}

const char *
reader_cstring(Reader *reader)
{
	const uint8_t *start;
	const uint8_t *end;

	if (reader->failed)
		return "";
	start = reader->data + reader->pos;
	end = memchr(start, '\0', reader->size - reader->pos);
	if (end == NULL)
	{
		reader->failed = true;
		return "";
	}
	reader->pos += (size_t) (end - start) + 1;
	return (const char *) start;
}

bool
reader_done(const Reader *reader)
{
	return !reader->failed && reader->pos == reader->size;
}

ByteView
view_of(const char *cstring)
{
	ByteView view = {(const uint8_t *) cstring, cstring != NULL ? strlen(cstring) : 0};

	return view;
}

bool
view_equals(ByteView a, ByteView b)
{
	if (a.data == NULL || b.data == NULL)
		return a.data == b.data;
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

char *
view_copy(ByteView view, bool *ok)
{
	char *text;

	if (view.data == NULL)
		return NULL;
	text = malloc(view.len + 1);
	if (text == NULL)
	{
		*ok = false;
		return NULL;
	}
	memcpy(text, view.data, view.len);
	text[view.len] = '\0';
	return text;
}

size_t
utf8_sequence(const uint8_t *data, size_t len)
{
	uint8_t first;
	uint8_t low = 0x80; /* limits of the second byte */
	uint8_t high = 0xBF;
	size_t size;

	if (len == 0)
		return 0;
	first = data[0];
	if (first < 0x80)
		return 1;
	if (first >= 0xC2 && first <= 0xDF)
		size = 2;
	else if (first >= 0xE0 && first <= 0xEF)
	{
		size = 3;
		if (first == 0xE0)
			low = 0xA0; /* overlong */
		else if (first == 0xED)
			high = 0x9F; /* surrogates */
	}
	else if (first >= 0xF0 && first <= 0xF4)
	{
		size = 4;
		if (first == 0xF0)
			low = 0x90; /* overlong */
		else if (first == 0xF4)
			high = 0x8F; /* beyond U+10FFFF */
	}
	else
		return 0;

	if (len < size || data[1] < low || data[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++)
	{
		if (data[i] < 0x80 || data[i] > 0xBF)
			return 0;
	}
	return size;
}

bool
view_is_utf8(ByteView view)
{
	size_t pos = 0;

	while (pos < view.len)
	{
		size_t size = utf8_sequence(view.data + pos, view.len - pos);

		if (size == 0)
			return false;
		pos += size;
	}
	return true;
}
