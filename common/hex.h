/*
 * hex.h
 *	  Hexadecimal digits.
 */
#ifndef OUTBOX_COMMON_HEX_H
#define OUTBOX_COMMON_HEX_H

/* 0 to 15; -1: c, a character or what a reader says at its end, is no digit.  Both cases. */
static inline int
hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

#endif
