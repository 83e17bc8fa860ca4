/*
 * fuzz_walframe.c
 *	  Any bytes as one COPY BOTH message.
 */
#include "fuzz.h"

#include "walframe.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ByteView bytes = {data, size};
	WalFrame frame;
	Error error;

	error_clear(&error);
	if (!walframe_parse(bytes, &frame, &error))
	{
		FUZZ_ASSERT(error.error_class != ERROR_CLASS_NONE);
		return 0;
	}
	if (frame.kind == WAL_FRAME_DATA)
		FUZZ_ASSERT(fuzz_within(bytes, frame.payload));
	else
		FUZZ_ASSERT(frame.payload.data == NULL);
	return 0;
}
