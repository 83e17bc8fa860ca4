/*
 * json_text.c
 *	  Text of others as a JSON string.
 *
 * Refuses nothing: bytes that are no UTF-8 are replaced.
 */
#include "json_text.h"

#include "buffer.h"

#include <string.h>

json_t *
json_text(const char *text)
{
	Buffer clean;
	json_t *value;

	buffer_init(&clean, JSON_TEXT_MAX);
	buffer_append_utf8(&clean, (ByteView){(const uint8_t *) text, strlen(text)});
	value = clean.failed ? json_null() : json_stringn(clean.data, clean.len);
	buffer_free(&clean);
	return value;
}
