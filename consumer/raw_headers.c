/*
 * raw_headers.c
 *	  Headers as bytes.
 *
 * Refuses, when it reads, lengths beyond the end.
 */
#include "raw_headers.h"

#define NULL_LENGTH UINT32_MAX

void
raw_headers_put(Buffer *out, ByteView name, ByteView value)
{
	buffer_append_u32(out, (uint32_t) name.len);
	buffer_append(out, name.data, name.len);
	buffer_append_u32(out, value.data == NULL ? NULL_LENGTH : (uint32_t) value.len);
	if (value.data != NULL)
		buffer_append(out, value.data, value.len);
}

void
raw_headers_put_all(Buffer *out, const InboxHeader *headers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		raw_headers_put(out, headers[i].name, headers[i].value);
}

bool
raw_headers_next(Reader *reader, InboxHeader *header)
{
	uint32_t len;

	if (reader->failed || reader_remaining(reader) == 0)
		return false;
	header->name = reader_bytes(reader, reader_u32(reader));
	len = reader_u32(reader);
	header->value = len == NULL_LENGTH ? (ByteView){NULL, 0} : reader_bytes(reader, len);
	return !reader->failed;
}
