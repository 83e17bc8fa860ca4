/*
 * lsn.c
 *	  WAL positions from text and to text.
 */
#include "lsn.h"

#include "hex.h"

#include <string.h>

/* Reads 1 to 8 hexadecimal digits that fill the text. */
static bool
parse_half(const char *text, size_t len, uint32_t *half)
{
	uint32_t value = 0;

	if (len < 1 || len > 8)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return false;
		value = (value << 4) | (uint32_t) digit;
	}
	*half = value;
	return true;
}

bool
lsn_parse(const char *text, size_t len, PgLsn *lsn)
{
	const char *slash;
	size_t high_len;
	uint32_t high;
	uint32_t low;

	if (len == 0 || (slash = memchr(text, '/', len)) == NULL)
		return false;
	high_len = (size_t) (slash - text);
	if (!parse_half(text, high_len, &high) || !parse_half(slash + 1, len - high_len - 1, &low))
		return false;
	*lsn = ((PgLsn) high << 32) | low;
	return true;
}

/* In upper case, without leading zeros; behind what is written. */
static char *
put_half(char *at, uint32_t half)
{
	int shift = 28;

	while (shift > 0 && half >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*at++ = "0123456789ABCDEF"[(half >> shift) & 15];
	return at;
}

size_t
lsn_format(PgLsn lsn, char *text)
{
	char *at = put_half(text, (uint32_t) (lsn >> 32));

	*at++ = '/';
	at = put_half(at, (uint32_t) lsn);
	*at = '\0';
	return (size_t) (at - text);
}
