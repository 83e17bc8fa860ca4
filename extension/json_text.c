/*
 * json_text.c
 *	  Builds a text in place, with strings and numbers as JSON has them.
 *
 * Strings are in the server's encoding, in none of which a byte of a longer character
 * looks like ASCII.  What is escaped and how is as in the server's own escape_json().
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "utils/builtins.h"

#include "compat.h"
#include "json_text.h"

void
text_start(StringInfo out, int size)
{
	out->maxlen = size + VARHDRSZ;
	out->data = palloc(out->maxlen);
	out->len = VARHDRSZ;
	out->cursor = 0;
}

text *
text_finish(StringInfo out)
{
	SET_VARSIZE(out->data, out->len);
	return (text *) out->data;
}

void
text_put_text(StringInfo out, const text *string)
{
	text_put_bytes(out, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
}

/* ---- strings ---- */

#define EVERY_BYTE(b) (UINT64CONST(0x0101010101010101) * (b))

/* The high bit of a byte is set when one of the eight is a quote, a backslash or a control character. */
static inline uint64
specials(const char *string)
{
	uint64 bytes;
	uint64 quotes;
	uint64 backslashes;

	memcpy(&bytes, string, sizeof(bytes));
	quotes = bytes ^ EVERY_BYTE('"');
	backslashes = bytes ^ EVERY_BYTE('\\');
	return (((bytes - EVERY_BYTE(0x20)) & ~bytes) | ((quotes - EVERY_BYTE(1)) & ~quotes) |
			((backslashes - EVERY_BYTE(1)) & ~backslashes)) &
		   EVERY_BYTE(0x80);
}

static inline bool
is_special(char c)
{
	return (unsigned char) c < 0x20 || c == '"' || c == '\\';
}

/* How many bytes can be copied as they are? */
static int
plain_prefix(const char *string, int len)
{
	const int word = sizeof(uint64);
	int i = 0;

	while (len - i >= 4 * word &&
		   (specials(string + i) | specials(string + i + word) | specials(string + i + 2 * word) |
			specials(string + i + 3 * word)) == 0)
		i += 4 * word;
	while (len - i >= word && specials(string + i) == 0)
		i += word;
	while (i < len && !is_special(string[i]))
		i++;
	return i;
}

static void
append_escaped(StringInfo out, char c)
{
	static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i < sizeof(names) - 1; i += 2)
		if (names[i] == c)
		{
			text_put_char(out, '\\');
			text_put_char(out, names[i + 1]);
			return;
		}
	appendStringInfo(out, "\\u%04x", (unsigned char) c);
}

void
text_put_json_string(StringInfo out, const char *string, int len)
{
	text_reserve(out, len + 2);
	text_put_char(out, '"');
	for (;;)
	{
		int plain = plain_prefix(string, len);

		text_put_bytes(out, string, plain);
		if (plain == len)
			break;
		append_escaped(out, string[plain]);
		string += plain + 1;
		len -= plain + 1;
	}
	text_put_char(out, '"');
}

void
text_put_json_number(StringInfo out, const char *number, int len)
{
	if (IsValidJsonNumber(number, len))
		text_put_bytes(out, number, len);
	else
		text_put_json_string(out, number, len);
}
