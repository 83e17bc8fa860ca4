/*
 * fuzz_location.c
 *	  Any bytes as a location report; what was taken is written, and read to the same.
 */
#include "fuzz.h"

#include <string.h>

#include "location.h"

#define JSON_MAX 4096

static void
check_written_again(const LocationReport *report)
{
	LocationReport again;
	LocationReport thrice;
	const char *reason;
	Buffer json;

	buffer_init(&json, JSON_MAX);
	location_format(report, LOCATION_NO_VERSION, &json);
	FUZZ_ASSERT(!json.failed && location_parse(json.data, json.len, &again, &reason));
	FUZZ_ASSERT(memcmp(again.request_id, report->request_id, UUID_SIZE) == 0);
	FUZZ_ASSERT(strcmp(again.driver_id, report->driver_id) == 0);
	FUZZ_ASSERT(strcmp(again.status, report->status) == 0);
	FUZZ_ASSERT(strcmp(again.time, report->time) == 0);
	/* With a version, which is ignored, and rounded already. */
	buffer_reset(&json);
	location_format(&again, INT64_MAX, &json);
	FUZZ_ASSERT(!json.failed && location_parse(json.data, json.len, &thrice, &reason));
	FUZZ_ASSERT(thrice.latitude == again.latitude && thrice.speed == again.speed);
	buffer_free(&json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LocationReport report;
	const char *reason = NULL;

	if (location_parse((const char *) data, size, &report, &reason))
		check_written_again(&report);
	else
		FUZZ_ASSERT(reason != NULL && reason[0] != '\0');
	return 0;
}
