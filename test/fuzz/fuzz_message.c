/*
 * fuzz_message.c
 *	  Any bytes as the content of a logical message with our prefix.
 */
#include "fuzz.h"

#include <string.h>

#include "exit_codes.h"
#include "message.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ByteView bytes = {data, size};
	size_t texts;
	OutboxEvent event;
	Error error;

	error_clear(&error);
	if (!message_decode(bytes, &event, &error))
	{
		FUZZ_ASSERT(error.error_class == ERROR_CLASS_PERMANENT && error.exit_code == EXIT_MESSAGE);
		return 0;
	}
	FUZZ_ASSERT(event.aggregate_type.data != NULL);
	FUZZ_ASSERT(fuzz_within(bytes, event.aggregate_type));
	FUZZ_ASSERT(fuzz_within(bytes, event.aggregate_id));
	FUZZ_ASSERT(fuzz_within(bytes, event.type));
	FUZZ_ASSERT(fuzz_within(bytes, event.headers));
	FUZZ_ASSERT(fuzz_within(bytes, event.payload));
	/* Each byte belongs to one part; what is left are flags, id and two to four lengths. */
	texts = event.aggregate_type.len + event.aggregate_id.len + event.type.len + event.headers.len +
			event.payload.len;
	FUZZ_ASSERT(size - texts >= 1 + UUID_SIZE + 3 && size - texts <= 1 + UUID_SIZE + 4 * 5);
	return 0;
}
