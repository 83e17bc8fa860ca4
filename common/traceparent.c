/*
 * traceparent.c
 *	  The header of W3C Trace Context.
 *
 * Refuses all that isn't one to the last character: it is what some producer wrote.
 */
#include "traceparent.h"

#include <string.h>

#define TRACE_ID_AT 3
#define TRACE_ID_LEN 32
#define PARENT_ID_AT 36
#define PARENT_ID_LEN 16
#define FLAGS_AT 53

static bool
is_zero(const uint8_t *digits, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (digits[i] != '0')
			return false;
	}
	return true;
}

static bool
is_shaped(const uint8_t *text)
{
	for (size_t i = 0; i < TRACEPARENT_LEN; i++)
	{
		bool dash = i == TRACE_ID_AT - 1 || i == PARENT_ID_AT - 1 || i == FLAGS_AT - 1;

		if (dash ? text[i] != '-' : memchr("0123456789abcdef", text[i], 16) == NULL)
			return false;
	}
	return true;
}

bool
traceparent_parse(ByteView text, ByteView *valid)
{
	*valid = (ByteView){NULL, 0};
	if (text.data == NULL || text.len < TRACEPARENT_LEN || !is_shaped(text.data) ||
		memcmp(text.data, "ff", 2) == 0 || is_zero(text.data + TRACE_ID_AT, TRACE_ID_LEN) ||
		is_zero(text.data + PARENT_ID_AT, PARENT_ID_LEN))
		return false;
	if (text.len > TRACEPARENT_LEN &&
		(memcmp(text.data, "00", 2) == 0 || text.data[TRACEPARENT_LEN] != '-'))
		return false;
	*valid = (ByteView){text.data, TRACEPARENT_LEN};
	return true;
}

bool
traceparent_is_sampled(ByteView valid)
{
	/* The last bit of the last digit. */
	return memchr("13579bdf", valid.data[TRACEPARENT_LEN - 1], 8) != NULL;
}
