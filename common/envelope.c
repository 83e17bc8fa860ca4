/*
 * envelope.c
 *	  UUIDs in their canonical text: 8-4-4-4-12 hexadecimal digits.
 */
#include "envelope.h"

#include "hex.h"

/* A hyphen stands before these bytes. */
static bool
hyphen_before(int index)
{
	return index == 4 || index == 6 || index == 8 || index == 10;
}

void
uuid_format(const uint8_t *uuid, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < UUID_SIZE; i++)
	{
		if (hyphen_before(i))
			*text++ = '-';
		*text++ = digits[uuid[i] >> 4];
		*text++ = digits[uuid[i] & 15];
	}
	*text = '\0';
}

bool
uuid_parse(const char *text, size_t len, uint8_t *uuid)
{
	uint8_t result[UUID_SIZE];

	if (len != UUID_TEXT_SIZE - 1)
		return false;
	for (int i = 0; i < UUID_SIZE; i++)
	{
		int high;
		int low;

		if (hyphen_before(i) && *text++ != '-')
			return false;
		high = hex_digit(*text++);
		low = hex_digit(*text++);
		if (high < 0 || low < 0)
			return false;
		result[i] = (uint8_t) (high << 4 | low);
	}
	for (int i = 0; i < UUID_SIZE; i++)
		uuid[i] = result[i];
	return true;
}

bool
envelope_header_owned(ByteView name)
{
	return view_equals(name, view_of(ENVELOPE_HEADER_ID)) ||
		   view_equals(name, view_of(ENVELOPE_HEADER_TYPE)) ||
		   view_equals(name, view_of(ENVELOPE_HEADER_POSITION));
}

bool
envelope_header_of_cloudevents(ByteView name)
{
	static const char *const names[] = {ENVELOPE_CE_ID,			 ENVELOPE_CE_SOURCE,
										ENVELOPE_CE_SPECVERSION, ENVELOPE_CE_TYPE,
										ENVELOPE_CE_SUBJECT,	 ENVELOPE_CE_TIME};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (view_equals(name, view_of(names[i])))
			return true;
	}
	return false;
}

bool
envelope_header_reserved(ByteView name)
{
	return envelope_header_owned(name) || envelope_header_of_cloudevents(name) ||
		   view_equals(name, view_of(ENVELOPE_CONTENT_TYPE)) ||
		   view_equals(name, view_of(ENVELOPE_HEADER_REPLAYED)) ||
		   view_equals(name, view_of(ENVELOPE_HEADER_CREATED_AT));
}
