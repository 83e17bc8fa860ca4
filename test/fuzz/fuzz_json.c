/*
 * fuzz_json.c
 *	  Any bytes as JSON of an event: its headers, which are a flat object, and a payload that is
 *	  written again.
 */
#include "fuzz.h"

#include <string.h>

#include "event_time.h"
#include "flat_json.h"
#include "json_compact.h"

#define BYTES_MAX ((size_t) 1 << 22)

/* Whether it is a flat object to its end. */
static bool
read_flat(ByteView text)
{
	uint8_t *scratch = malloc(text.len > 0 ? text.len : 1);
	ByteView unescaped = {scratch, text.len};
	FlatJsonMember member;
	FlatJsonResult result;
	FlatJson json;

	FUZZ_ASSERT(scratch != NULL);
	flat_json_init(&json, text, scratch);
	while ((result = flat_json_next(&json, &member)) == FLAT_JSON_MEMBER)
	{
		PgUsec at;

		FUZZ_ASSERT(fuzz_within(text, member.name) || fuzz_within(unescaped, member.name));
		FUZZ_ASSERT(fuzz_within(text, member.value) || fuzz_within(unescaped, member.value));
		FUZZ_ASSERT((member.value.data == NULL) == (member.kind == FLAT_JSON_NULL));
		(void) event_time_parse(member.value, &at);
	}
	FUZZ_ASSERT(result == FLAT_JSON_END || json.problem != NULL);
	free(scratch);
	return result == FLAT_JSON_END;
}

/* What is written is JSON again, no longer than before, and nothing is left to leave out. */
static void
check_compact(ByteView text, const JsonCompaction *how)
{
	bool valid = json_is_valid(text);
	Buffer once;
	Buffer twice;

	buffer_init(&once, BYTES_MAX);
	buffer_init(&twice, BYTES_MAX);
	FUZZ_ASSERT(json_compact(text, how, &once) == valid);
	FUZZ_ASSERT(valid || once.len == 0);
	if (valid)
	{
		FUZZ_ASSERT(once.len <= text.len && once.len > 0);
		FUZZ_ASSERT(json_compact(buffer_view(&once), how, &twice));
		FUZZ_ASSERT(twice.len <= once.len);
		FUZZ_ASSERT(!how->keep_nulls || !how->keep_empty_arrays ||
					(twice.len == once.len && memcmp(once.data, twice.data, once.len) == 0));
	}
	buffer_free(&once);
	buffer_free(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ByteView text = {data, size};

	if (read_flat(text))
		FUZZ_ASSERT(json_is_valid(text));
	check_compact(text, &(JsonCompaction){false, false});
	check_compact(text, &(JsonCompaction){true, true});
	return 0;
}
