/*
 * unjudged.c
 *	  Why an event can't be judged or given to a handler, in words.
 */
#include "unjudged.h"

#include "envelope.h"

const char *
unjudged_reason(Unjudged unjudged)
{
	switch (unjudged)
	{
		case UNJUDGED_POSITION:
			return "has an invalid header \"" ENVELOPE_HEADER_POSITION "\"";
		case UNJUDGED_REPLAYED:
			return "is a replayed event without an id to judge it by";
		case UNJUDGED_HEADERS:
			return "has headers that are larger than 16 MB as JSON";
		case UNJUDGED_NOT:
			break;
	}
	return "";
}

const char *
unjudged_hint(Unjudged unjudged)
{
	switch (unjudged)
	{
		case UNJUDGED_POSITION:
			return "Only outbox-relay may use that name; with \"dedupe\" id or none it isn't "
				   "looked at.";
		case UNJUDGED_REPLAYED:
			return "An id is a header \"id\" or \"ce_id\" of 1 to 63 bytes of UTF-8. With "
				   "\"dedupe = none\" every record of the topic is applied.";
		case UNJUDGED_HEADERS:
			return "A handler that doesn't use \"headers\" gets the record whatever its headers "
				   "are.";
		case UNJUDGED_NOT:
			break;
	}
	return "";
}
