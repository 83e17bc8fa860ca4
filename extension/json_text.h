/*
 * json_text.h
 *	  Builds a text in place, without a copy and without a call for each piece.
 *
 * A StringInfo that was started here has room for the header of a varlena in front, and
 * no zero at its end.
 */
#ifndef PG_OUTBOX_JSON_TEXT_H
#define PG_OUTBOX_JSON_TEXT_H

#include "lib/stringinfo.h"

static inline void
text_reserve(StringInfo out, int len)
{
	if (len >= out->maxlen - out->len)
		enlargeStringInfo(out, len);
}

static inline void
text_put_char(StringInfo out, char c)
{
	text_reserve(out, 1);
	out->data[out->len++] = c;
}

static inline void
text_put_bytes(StringInfo out, const char *bytes, int len)
{
	text_reserve(out, len);
	memcpy(out->data + out->len, bytes, len);
	out->len += len;
}

static inline void
text_put_string(StringInfo out, const char *string)
{
	text_put_bytes(out, string, (int) strlen(string));
}

/* A text that isn't toasted. */
extern void text_put_text(StringInfo out, const text *string);

/* As a JSON string, in quotes. */
extern void text_put_json_string(StringInfo out, const char *string, int len);

/* A number, or a string when JSON has no such number: NaN and the infinities. */
extern void text_put_json_number(StringInfo out, const char *number, int len);

/* Starts with room for that many bytes, in the current memory context. */
extern void text_start(StringInfo out, int size);

/* The text; it lies where the StringInfo's data did. */
extern text *text_finish(StringInfo out);

#endif
