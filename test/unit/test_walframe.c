/*
 * test_walframe.c
 *	  COPY BOTH framing: golden bytes, every truncation, random bytes.
 */
#include "wire.h"

#include "random.h"
#include "walframe.h"

#define DATA_HEADER "770000000001234567000000000123456f000303c17ad4e31b"
#define KEEPALIVE "6b0000000a0153a598000303c17ad4e31b01"
#define DATA_HEADER_SIZE 25

static void
parses_wal_data(void **state)
{
	ByteView bytes = wire_unhex(DATA_HEADER "424344");
	WalFrame frame;
	Error error;

	(void) state;
	assert_true(walframe_parse(bytes, &frame, &error));
	assert_int_equal(frame.kind, WAL_FRAME_DATA);
	assert_true(frame.start == UINT64_C(0x1234567));
	assert_true(frame.end == UINT64_C(0x123456f));
	assert_true(frame.sent_at == INT64_C(0x000303c17ad4e31b));
	assert_false(frame.reply_requested);
	assert_view(frame.payload, "BCD");
	wire_free(bytes);
}

static void
parses_keepalive(void **state)
{
	ByteView bytes = wire_unhex(KEEPALIVE);
	WalFrame frame;
	Error error;

	(void) state;
	assert_true(walframe_parse(bytes, &frame, &error));
	assert_int_equal(frame.kind, WAL_FRAME_KEEPALIVE);
	assert_true(frame.end == UINT64_C(0xa0153a598));
	assert_true(frame.sent_at == INT64_C(0x000303c17ad4e31b));
	assert_true(frame.reply_requested);
	assert_null(frame.payload.data);
	wire_free(bytes);

	bytes = wire_unhex("6b0000000a0153a598000303c17ad4e31b00");
	assert_true(walframe_parse(bytes, &frame, &error));
	assert_false(frame.reply_requested);
	wire_free(bytes);
}

static void
refuse(const char *hex, size_t len)
{
	ByteView whole = wire_unhex(hex);
	ByteView part;
	WalFrame frame;
	Error error;

	assert_true(len <= whole.len);
	part = wire_exact(whole.data, len);
	error_clear(&error);
	assert_false(walframe_parse(part, &frame, &error));
	assert_int_equal(error.error_class, ERROR_CLASS_BUG);
	wire_free(part);
	wire_free(whole);
}

static void
refuses_every_prefix(void **state)
{
	(void) state;
	for (size_t len = 0; len < DATA_HEADER_SIZE; len++)
		refuse(DATA_HEADER, len);
	for (size_t len = 0; len < strlen(KEEPALIVE) / 2; len++)
		refuse(KEEPALIVE, len);
}

static void
refuses_what_it_does_not_know(void **state)
{
	(void) state;
	refuse(KEEPALIVE "00", strlen(KEEPALIVE) / 2 + 1);
	refuse("72" DATA_HEADER, DATA_HEADER_SIZE); /* our own status update */
	refuse("00", 1);
	refuse("ff", 1);
}

static void
accepts_data_without_payload(void **state)
{
	ByteView bytes = wire_unhex(DATA_HEADER);
	WalFrame frame;
	Error error;

	(void) state;
	assert_true(walframe_parse(bytes, &frame, &error));
	assert_int_equal(frame.payload.len, 0);
	wire_free(bytes);
}

static void
builds_status(void **state)
{
	static const uint8_t expected[WAL_STATUS_SIZE] = {
		'r',  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x00, 0x00, 0x00,
		0x0a, 0x01, 0x53, 0xa5, 0x98, 0x00, 0x00, 0x00, 0x0a, 0x01, 0x53, 0xa5,
		0x98, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0x01};
	uint8_t status[WAL_STATUS_SIZE + 1];

	(void) state;
	status[WAL_STATUS_SIZE] = 0x5a;
	walframe_build_status(status, UINT64_C(0x0102030405060708), UINT64_C(0xa0153a598), -2, true);
	assert_memory_equal(status, expected, WAL_STATUS_SIZE);
	assert_int_equal(status[WAL_STATUS_SIZE], 0x5a);
	walframe_build_status(status, 1, 1, 1, false);
	assert_int_equal(status[WAL_STATUS_SIZE - 1], 0);
}

static void
survives_random_bytes(void **state)
{
	Random random;
	int parsed = 0;

	(void) state;
	random_seed(&random, 1);
	for (int i = 0; i < 20000; i++)
	{
		uint8_t bytes[48];
		size_t len = (size_t) random_below(&random, sizeof(bytes));
		ByteView view;
		WalFrame frame;
		Error error;

		for (size_t j = 0; j < len; j++)
			bytes[j] = (uint8_t) random_next(&random);
		if (len > 0 && random_below(&random, 4) > 0)
			bytes[0] = random_below(&random, 2) == 0 ? 'w' : 'k';
		view = wire_exact(bytes, len);
		if (walframe_parse(view, &frame, &error))
		{
			size_t header = frame.kind == WAL_FRAME_DATA ? DATA_HEADER_SIZE : len;

			assert_int_equal(frame.payload.len, len - header);
			parsed++;
		}
		wire_free(view);
	}
	assert_in_range(parsed, 1000, 19000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_wal_data),
		cmocka_unit_test(parses_keepalive),
		cmocka_unit_test(refuses_every_prefix),
		cmocka_unit_test(refuses_what_it_does_not_know),
		cmocka_unit_test(accepts_data_without_payload),
		cmocka_unit_test(builds_status),
		cmocka_unit_test(survives_random_bytes),
	};

	return cmocka_run_group_tests_name("walframe", tests, NULL, NULL);
}
