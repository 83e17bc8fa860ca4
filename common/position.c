/*
 * position.c
 *	  Stable positions: order, text and back.  Pure.
 *
 * The parser takes exactly what the formatter writes, but for the case and
 * leading zeros of the LSN's digits.
 */
#include "position.h"

#include <string.h>

static bool
source_id_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		   c == '-';
}

bool
source_id_valid(const char *text, size_t len)
{
	if (len < 1 || len > SOURCE_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (!source_id_char(text[i]))
			return false;
	}
	return true;
}

int
position_compare(const Position *a, const Position *b)
{
	if (a->generation != b->generation)
		return a->generation < b->generation ? -1 : 1;
	if (a->timeline != b->timeline)
		return a->timeline < b->timeline ? -1 : 1;
	if (a->commit_lsn != b->commit_lsn)
		return a->commit_lsn < b->commit_lsn ? -1 : 1;
	if (a->ordinal != b->ordinal)
		return a->ordinal < b->ordinal ? -1 : 1;
	return 0;
}

/* Behind what is written. */
static char *
put_decimal(char *at, uint64_t value)
{
	char digits[20];
	int count = 0;

	do
	{
		digits[count++] = (char) ('0' + value % 10);
		value /= 10;
	} while (value != 0);
	while (count > 0)
		*at++ = digits[--count];
	return at;
}

/* Of every event: by hand, since snprintf() would be a sixth of what a relay does. */
size_t
position_format(const char *source_id, const Position *position, char *text)
{
	size_t len = strnlen(source_id, SOURCE_ID_MAX);
	char *at = text + len;

	memcpy(text, source_id, len);
	*at++ = '/';
	at = put_decimal(at, position->generation);
	*at++ = '.';
	at = put_decimal(at, position->timeline);
	*at++ = '/';
	at += lsn_format(position->commit_lsn, at);
	*at++ = '/';
	at = put_decimal(at, position->ordinal);
	*at = '\0';
	return (size_t) (at - text);
}

/* A decimal number without leading zeros that fills the text. */
static bool
parse_decimal(const char *text, size_t len, uint64_t max, uint64_t *value)
{
	uint64_t result = 0;

	if (len < 1 || (len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++)
	{
		uint64_t digit;

		if (text[i] < '0' || text[i] > '9')
			return false;
		digit = (uint64_t) (text[i] - '0');
		if (result > (max - digit) / 10)
			return false;
		result = result * 10 + digit;
	}
	*value = result;
	return true;
}

/* Cuts the text at the first separator: gives what is before, leaves what is after. */
static bool
split(const char **text, size_t *len, char separator, const char **part, size_t *part_len)
{
	const char *end = *len == 0 ? NULL : memchr(*text, separator, *len);

	if (end == NULL)
		return false;
	*part = *text;
	*part_len = (size_t) (end - *text);
	*text = end + 1;
	*len -= *part_len + 1;
	return true;
}

bool
position_parse(const char *text, size_t len, char *source_id, Position *position)
{
	Position result;
	const char *source;
	const char *part;
	size_t source_len;
	size_t part_len;
	uint64_t number;
	const char *lsn;
	const char *slash;

	if (!split(&text, &len, '/', &source, &source_len) || !source_id_valid(source, source_len))
		return false;

	if (!split(&text, &len, '.', &part, &part_len) ||
		!parse_decimal(part, part_len, UINT32_MAX, &number) || number == 0)
		return false;
	result.generation = (uint32_t) number;

	if (!split(&text, &len, '/', &part, &part_len) ||
		!parse_decimal(part, part_len, UINT32_MAX, &number) || number == 0)
		return false;
	result.timeline = (uint32_t) number;

	/* The LSN has a slash of its own. */
	lsn = text;
	if (len == 0 || (slash = memchr(text, '/', len)) == NULL)
		return false;
	text = slash + 1;
	len -= (size_t) (text - lsn);
	if (!split(&text, &len, '/', &part, &part_len) ||
		!lsn_parse(lsn, (size_t) (part + part_len - lsn), &result.commit_lsn))
		return false;

	if (!parse_decimal(text, len, UINT64_MAX, &result.ordinal))
		return false;

	memcpy(source_id, source, source_len);
	source_id[source_len] = '\0';
	*position = result;
	return true;
}
