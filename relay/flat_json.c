/*
 * flat_json.c
 *	  Reads a flat JSON object (RFC 8259), member by member.
 *
 * Refuses objects and arrays within it, bytes behind it, control characters and
 * U+0000 in strings, unknown escapes, halves of surrogate pairs, and everything
 * else that isn't JSON.  Bytes above 0x7F go through as they are: the server has
 * checked them.
 *
 * Invariants: pos <= size; a string without its escapes is never longer than with
 * them, so the scratch, as long as the text, always suffices; after a refusal
 * "problem" is set and stays.
 */
#include "flat_json.h"

#include "hex.h"

#include <string.h>

void
flat_json_init(FlatJson *json, ByteView text, uint8_t *scratch)
{
	json->text = text.data;
	json->size = text.len;
	json->pos = 0;
	json->scratch = scratch;
	json->scratch_used = 0;
	json->first = true;
	json->problem = NULL;
}

static bool
invalid(FlatJson *json, const char *problem)
{
	json->problem = problem;
	return false;
}

/* The next byte, or -1 at the end. */
static int
look(const FlatJson *json)
{
	return json->pos < json->size ? json->text[json->pos] : -1;
}

static bool
accept(FlatJson *json, char wanted)
{
	if (look(json) != wanted)
		return false;
	json->pos++;
	return true;
}

static void
skip_space(FlatJson *json)
{
	int c;

	while ((c = look(json)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		json->pos++;
}

static bool
read_hex4(FlatJson *json, uint32_t *value)
{
	*value = 0;
	for (int i = 0; i < 4; i++)
	{
		int digit = hex_digit(look(json));

		if (digit < 0)
			return false;
		*value = *value << 4 | (uint32_t) digit;
		json->pos++;
	}
	return true;
}

static void
put(FlatJson *json, uint32_t byte)
{
	json->scratch[json->scratch_used++] = (uint8_t) byte;
}

static void
put_utf8(FlatJson *json, uint32_t code)
{
	if (code < 0x80)
		put(json, code);
	else if (code < 0x800)
	{
		put(json, 0xC0 | code >> 6);
		put(json, 0x80 | (code & 0x3F));
	}
	else if (code < 0x10000)
	{
		put(json, 0xE0 | code >> 12);
		put(json, 0x80 | (code >> 6 & 0x3F));
		put(json, 0x80 | (code & 0x3F));
	}
	else
	{
		put(json, 0xF0 | code >> 18);
		put(json, 0x80 | (code >> 12 & 0x3F));
		put(json, 0x80 | (code >> 6 & 0x3F));
		put(json, 0x80 | (code & 0x3F));
	}
}

/* Behind "\u": four digits, and for the first half of a pair the second escape. */
static bool
read_unicode(FlatJson *json)
{
	uint32_t code;
	uint32_t low;

	if (!read_hex4(json, &code))
		return invalid(json, "invalid escape");
	if (code == 0)
		return invalid(json, "U+0000 in a string");
	if (code >= 0xDC00 && code <= 0xDFFF)
		return invalid(json, "half of a surrogate pair");
	if (code >= 0xD800 && code <= 0xDBFF)
	{
		if (!accept(json, '\\') || !accept(json, 'u') || !read_hex4(json, &low) || low < 0xDC00 ||
			low > 0xDFFF)
			return invalid(json, "half of a surrogate pair");
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
	}
	put_utf8(json, code);
	return true;
}

static bool
read_escape(FlatJson *json)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	int c = look(json);
	const char *at;

	if (c == -1)
		return invalid(json, "unterminated string");
	json->pos++;
	if (c == 'u')
		return read_unicode(json);
	at = c != '\0' ? strchr(from, c) : NULL;
	if (at == NULL)
		return invalid(json, "invalid escape");
	put(json, (uint8_t) to[at - from]);
	return true;
}

/* Behind the first escape of a string whose plain start is [start, pos). */
static bool
read_escaped_string(FlatJson *json, size_t start, ByteView *out)
{
	uint8_t *unescaped = json->scratch + json->scratch_used;

	memcpy(unescaped, json->text + start, json->pos - start);
	json->scratch_used += json->pos - start;
	for (;;)
	{
		int c = look(json);

		if (c == -1)
			return invalid(json, "unterminated string");
		if (c < 0x20)
			return invalid(json, "control character in a string");
		json->pos++;
		if (c == '"')
			break;
		if (c != '\\')
			put(json, (uint32_t) c);
		else if (!read_escape(json))
			return false;
	}
	*out = (ByteView){unescaped, (size_t) (json->scratch + json->scratch_used - unescaped)};
	return true;
}

static bool
read_string(FlatJson *json, ByteView *out)
{
	size_t start;
	int c;

	if (!accept(json, '"'))
		return invalid(json, "a string is expected");
	start = json->pos;
	while ((c = look(json)) != '"')
	{
		if (c == -1)
			return invalid(json, "unterminated string");
		if (c < 0x20)
			return invalid(json, "control character in a string");
		if (c == '\\')
			return read_escaped_string(json, start, out);
		json->pos++;
	}
	*out = (ByteView){json->text + start, json->pos - start};
	json->pos++;
	return true;
}

static bool
skip_digits(FlatJson *json)
{
	size_t start = json->pos;

	while (look(json) >= '0' && look(json) <= '9')
		json->pos++;
	return json->pos > start;
}

static bool
read_number(FlatJson *json, ByteView *out)
{
	size_t start = json->pos;
	bool valid;

	(void) accept(json, '-');
	valid = accept(json, '0') || skip_digits(json);
	if (valid && accept(json, '.'))
		valid = skip_digits(json);
	if (valid && (accept(json, 'e') || accept(json, 'E')))
	{
		if (!accept(json, '+'))
			(void) accept(json, '-');
		valid = skip_digits(json);
	}
	if (!valid)
		return invalid(json, "invalid value");
	*out = (ByteView){json->text + start, json->pos - start};
	return true;
}

static bool
read_word(FlatJson *json, const char *word, ByteView *out)
{
	size_t len = strlen(word);

	if (len > json->size - json->pos || memcmp(json->text + json->pos, word, len) != 0)
		return invalid(json, "invalid value");
	*out = (ByteView){json->text + json->pos, len};
	json->pos += len;
	return true;
}

static bool
read_value(FlatJson *json, FlatJsonMember *member)
{
	ByteView *out = &member->value;

	switch (look(json))
	{
		case '"':
			member->kind = FLAT_JSON_STRING;
			return read_string(json, out);
		case 't':
			member->kind = FLAT_JSON_BOOLEAN;
			return read_word(json, "true", out);
		case 'f':
			member->kind = FLAT_JSON_BOOLEAN;
			return read_word(json, "false", out);
		case 'n':
			if (!read_word(json, "null", out))
				return false;
			member->kind = FLAT_JSON_NULL;
			*out = (ByteView){NULL, 0};
			return true;
		case '{':
		case '[':
			return invalid(json, "nested value");
		default:
			member->kind = FLAT_JSON_NUMBER;
			return read_number(json, out);
	}
}

/* Behind "{" or after a member: true when a name comes now, false at "}" or a refusal. */
static bool
next_member(FlatJson *json)
{
	skip_space(json);
	if (accept(json, '}'))
		return false;
	if (!json->first && !accept(json, ','))
		return invalid(json, "a comma or the end of the object is expected");
	skip_space(json);
	json->first = false;
	return true;
}

FlatJsonResult
flat_json_next(FlatJson *json, FlatJsonMember *member)
{
	if (json->problem != NULL)
		return FLAT_JSON_INVALID;
	if (json->pos == 0)
	{
		skip_space(json);
		if (!accept(json, '{'))
		{
			invalid(json, "not an object");
			return FLAT_JSON_INVALID;
		}
	}
	if (!next_member(json))
	{
		skip_space(json);
		if (json->problem == NULL && json->pos != json->size)
			invalid(json, "bytes behind the object");
		return json->problem == NULL ? FLAT_JSON_END : FLAT_JSON_INVALID;
	}
	if (!read_string(json, &member->name))
		return FLAT_JSON_INVALID;
	skip_space(json);
	if (!accept(json, ':'))
	{
		invalid(json, "a colon is expected");
		return FLAT_JSON_INVALID;
	}
	skip_space(json);
	return read_value(json, member) ? FLAT_JSON_MEMBER : FLAT_JSON_INVALID;
}
