/*
 * test_envelope.c
 *	  UUIDs in text, and the names that make the contract.
 */
#include "unit.h"

#include "envelope.h"

static const uint8_t sample[UUID_SIZE] = {0x01, 0x93, 0x4A, 0x7B, 0xC0, 0xDE, 0x7A, 0xBC,
										  0x8D, 0xEF, 0x00, 0x11, 0x22, 0x33, 0x44, 0xFF};
#define SAMPLE_TEXT "01934a7b-c0de-7abc-8def-0011223344ff"

static void
formats_and_parses(void **state)
{
	char text[UUID_TEXT_SIZE];
	uint8_t uuid[UUID_SIZE];

	(void) state;
	uuid_format(sample, text);
	assert_string_equal(text, SAMPLE_TEXT);
	assert_true(uuid_parse(text, strlen(text), uuid));
	assert_memory_equal(uuid, sample, UUID_SIZE);
	assert_true(uuid_parse("01934A7B-C0DE-7ABC-8DEF-0011223344FF", 36, uuid));
	assert_memory_equal(uuid, sample, UUID_SIZE);
}

static void
refuses_wrong_lengths(void **state)
{
	uint8_t uuid[UUID_SIZE];

	(void) state;
	for (size_t len = 0; len < 36; len++)
		assert_false(uuid_parse(SAMPLE_TEXT, len, uuid));
	assert_false(uuid_parse(SAMPLE_TEXT "0", 37, uuid));
	assert_false(uuid_parse("{" SAMPLE_TEXT "}", 38, uuid));
	assert_false(uuid_parse("01934a7bc0de7abc8def0011223344ff", 32, uuid));
	assert_false(uuid_parse(NULL, 0, uuid));
}

/* A wrong character at any place is seen, and the result is left alone. */
static void
refuses_every_wrong_character(void **state)
{
	(void) state;
	for (size_t place = 0; place < 36; place++)
	{
		for (int c = 0; c < 256; c++)
		{
			char text[] = SAMPLE_TEXT;
			bool hyphen = text[place] == '-';
			bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
			uint8_t uuid[UUID_SIZE] = {0};
			static const uint8_t zero[UUID_SIZE];
			bool ok;

			text[place] = (char) c;
			ok = uuid_parse(text, 36, uuid);
			assert_int_equal(ok, hyphen ? c == '-' : hex);
			if (!ok)
				assert_memory_equal(uuid, zero, UUID_SIZE);
		}
	}
}

/* Consumers that others wrote rely on these. */
static void
names_are_those_of_the_contract(void **state)
{
	(void) state;
	assert_string_equal(ENVELOPE_HEADER_ID, "id");
	assert_string_equal(ENVELOPE_HEADER_TYPE, "type");
	assert_string_equal(ENVELOPE_HEADER_POSITION, "outbox-position");
	assert_string_equal(ENVELOPE_WAL_EVENT, "pg_outbox");
	assert_string_equal(ENVELOPE_WAL_HEARTBEAT, "pg_outbox.heartbeat");
}

/* What a setting may not put beside what an event says of itself. */
static void
names_that_are_not_to_be_had(void **state)
{
	static const char *const reserved[] = {
		"id",			"type",	  "outbox-position", "outbox-replayed", "outbox-created-at",
		"content-type", "ce_id",  "ce_type",		 "ce_source",		"ce_specversion",
		"ce_subject",	"ce_time"};
	static const char *const free[] = {"",		 "i",	"idx",	   "Type",
									   "outbox", "ce_", "ce_data", "traceparent"};

	(void) state;
	for (size_t i = 0; i < LENGTH(reserved); i++)
	{
		if (!envelope_header_reserved(view_of(reserved[i])))
			fail_msg("\"%s\" is to be had", reserved[i]);
	}
	for (size_t i = 0; i < LENGTH(free); i++)
	{
		if (envelope_header_reserved(view_of(free[i])))
			fail_msg("\"%s\" isn't to be had", free[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_and_parses),
		cmocka_unit_test(refuses_wrong_lengths),
		cmocka_unit_test(refuses_every_wrong_character),
		cmocka_unit_test(names_are_those_of_the_contract),
		cmocka_unit_test(names_that_are_not_to_be_had),
	};

	return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
