/*
 * json_compact.c
 *	  Checks a JSON text, and writes it again without what is asked to be dropped.
 *
 * One pass and no recursion.  A member is written when its name is read and taken back
 * when its value turns out to be one that is dropped; a comma is written before whatever
 * doesn't stand first, which the output's last byte shows: a string ends with a quote, so
 * that "{" and "[" there always open.
 *
 * Refuses what isn't JSON, and nesting beyond JSON_DEPTH_MAX.
 *
 * Invariants: pos <= size; depth <= JSON_DEPTH_MAX; what is written so far is valid up to
 * the values that are open.
 */
#include "json_compact.h"

#include <string.h>

typedef struct Compactor
{
	ByteView text;
	size_t pos;
	const JsonCompaction *how;
	Buffer *out;  /* NULL: check alone */
	size_t start; /* of our output */
	int depth;
	bool is_object[JSON_DEPTH_MAX];
	bool is_empty[JSON_DEPTH_MAX]; /* in the text */
	size_t member[JSON_DEPTH_MAX]; /* where the output of the member that is read begins */
} Compactor;

static int
look(const Compactor *c)
{
	return c->pos < c->text.len ? c->text.data[c->pos] : -1;
}

static void
skip_space(Compactor *c)
{
	int byte;

	while ((byte = look(c)) == ' ' || byte == '\t' || byte == '\n' || byte == '\r')
		c->pos++;
}

static void
write_bytes(Compactor *c, size_t from)
{
	if (c->out != NULL)
		buffer_append(c->out, c->text.data + from, c->pos - from);
}

static void
write_char(Compactor *c, char byte)
{
	if (c->out != NULL)
		buffer_append_u8(c->out, (uint8_t) byte);
}

static size_t
written(const Compactor *c)
{
	return c->out != NULL ? c->out->len : 0;
}

static void
write_comma(Compactor *c)
{
	char last;

	if (c->out == NULL || c->out->len == c->start)
		return;
	last = c->out->data[c->out->len - 1];
	if (last != '{' && last != '[' && last != ':')
		buffer_append_u8(c->out, ',');
}

static void
take_back(Compactor *c, size_t to)
{
	if (c->out == NULL || c->out->len == to)
		return;
	c->out->len = to;
	c->out->data[to] = '\0';
}

static bool
is_hex(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
skip_string(Compactor *c)
{
	if (look(c) != '"')
		return false;
	for (c->pos++;; c->pos++)
	{
		int byte = look(c);

		if (byte < 0x20) /* the end as well */
			return false;
		if (byte == '"')
		{
			c->pos++;
			return true;
		}
		if (byte != '\\')
			continue;
		c->pos++;
		byte = look(c);
		if (byte <= 0 || strchr("\"\\/bfnrtu", byte) == NULL)
			return false;
		if (byte != 'u')
			continue;
		for (int i = 0; i < 4; i++)
		{
			c->pos++;
			if (!is_hex(look(c)))
				return false;
		}
	}
}

static bool
skip_digits(Compactor *c)
{
	size_t start = c->pos;

	while (look(c) >= '0' && look(c) <= '9')
		c->pos++;
	return c->pos > start;
}

static bool
skip_number(Compactor *c)
{
	if (look(c) == '-')
		c->pos++;
	if (look(c) == '0')
		c->pos++;
	else if (!skip_digits(c))
		return false;
	if (look(c) == '.')
	{
		c->pos++;
		if (!skip_digits(c))
			return false;
	}
	if (look(c) == 'e' || look(c) == 'E')
	{
		c->pos++;
		if (look(c) == '+' || look(c) == '-')
			c->pos++;
		if (!skip_digits(c))
			return false;
	}
	return true;
}

static bool
skip_word(Compactor *c, const char *word)
{
	size_t len = strlen(word);

	if (len > c->text.len - c->pos || memcmp(c->text.data + c->pos, word, len) != 0)
		return false;
	c->pos += len;
	return true;
}

/* The value that was just written belongs to a member: is it one to take back? */
static void
drop_member(Compactor *c, bool drop)
{
	if (drop && c->depth > 0 && c->is_object[c->depth - 1])
		take_back(c, c->member[c->depth - 1]);
}

static bool
take_scalar(Compactor *c)
{
	size_t from = c->pos;
	bool is_null = false;

	switch (look(c))
	{
		case '"':
			if (!skip_string(c))
				return false;
			break;
		case 't':
			if (!skip_word(c, "true"))
				return false;
			break;
		case 'f':
			if (!skip_word(c, "false"))
				return false;
			break;
		case 'n':
			if (!skip_word(c, "null"))
				return false;
			is_null = true;
			break;
		default:
			if (!skip_number(c))
				return false;
			break;
	}
	write_bytes(c, from);
	drop_member(c, is_null && !c->how->keep_nulls);
	return true;
}

/* A name and its colon, in an object. */
static bool
take_name(Compactor *c)
{
	size_t from;

	c->member[c->depth - 1] = written(c);
	write_comma(c);
	from = c->pos;
	if (!skip_string(c))
		return false;
	write_bytes(c, from);
	skip_space(c);
	if (look(c) != ':')
		return false;
	c->pos++;
	write_char(c, ':');
	skip_space(c);
	return true;
}

static bool
open_nested(Compactor *c)
{
	if (c->depth == JSON_DEPTH_MAX)
		return false;
	c->is_object[c->depth] = look(c) == '{';
	c->is_empty[c->depth] = true;
	write_char(c, (char) look(c));
	c->depth++;
	c->pos++;
	return true;
}

static void
close_nested(Compactor *c)
{
	bool empty_array;

	write_char(c, (char) look(c));
	c->pos++;
	c->depth--;
	empty_array = !c->is_object[c->depth] && c->is_empty[c->depth];
	drop_member(c, empty_array && !c->how->keep_empty_arrays);
}

/* A scalar, or the beginning of what is nested. */
static bool
take_value(Compactor *c)
{
	skip_space(c);
	if (look(c) == '{' || look(c) == '[')
		return open_nested(c);
	return take_scalar(c);
}

/* Within an object or an array: the next element, or its end. */
static bool
take_next(Compactor *c)
{
	int level = c->depth - 1;

	skip_space(c);
	if (look(c) == (c->is_object[level] ? '}' : ']'))
	{
		close_nested(c);
		return true;
	}
	if (!c->is_empty[level])
	{
		if (look(c) != ',')
			return false;
		c->pos++;
		skip_space(c);
	}
	c->is_empty[level] = false;
	if (c->is_object[level])
		return take_name(c) && take_value(c);
	write_comma(c);
	return take_value(c);
}

static bool
run(Compactor *c)
{
	if (c->text.data == NULL || !take_value(c))
		return false;
	while (c->depth > 0)
	{
		if (!take_next(c))
			return false;
	}
	skip_space(c);
	return c->pos == c->text.len;
}

bool
json_compact(ByteView text, const JsonCompaction *how, Buffer *out)
{
	Compactor c = {.text = text, .how = how, .out = out, .start = out->len};

	if (run(&c) && !out->failed)
		return true;
	take_back(&c, c.start);
	return false;
}

bool
json_is_valid(ByteView text)
{
	static const JsonCompaction keep = {true, true};
	Compactor c = {.text = text, .how = &keep};

	return run(&c);
}
