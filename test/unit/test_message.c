/*
 * test_message.c
 *	  Events that were written as logical messages: what the extension writes, every
 *	  truncation, and what it never writes.
 */
#include "wire.h"

#include "buffer.h"
#include "exit_codes.h"
#include "message.h"
#include "random.h"

#define ID "01890a5dac96774bbcceb302099a8057"

/* As test/regress/expected/storage.out has them: written by the server. */
#define JSON_EVENT "11" ID "0503086f726465723432637265617465647b2261223a2020317d"
#define TOMBSTONE "10" ID "0500006f72646572"
#define EMPTY_EVENT "13" ID "0501016f72646572"
#define BYTES_EVENT                                                                                \
	"17" ID "0502"                                                                                 \
	"02166f7264657231787b2261223a206e756c6c2c202262223a20312e35307d00ff"

static bool
decode(const char *hex, OutboxEvent *event, ByteView *bytes, Error *error)
{
	*bytes = wire_unhex(hex);
	error_clear(error);
	memset(event, 0x5a, sizeof(*event));
	return message_decode(*bytes, event, error);
}

static void
expect_refused(const char *hex, const char *why)
{
	OutboxEvent event;
	ByteView bytes;
	Error error;

	assert_false(decode(hex, &event, &bytes, &error));
	assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(error.exit_code, EXIT_MESSAGE);
	if (strstr(error.message, why) == NULL)
		fail_msg("\"%s\" isn't in \"%s\"", why, error.message);
	wire_free(bytes);
}

static void
decodes_json(void **state)
{
	static const uint8_t id[] = {0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b,
								 0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57};
	OutboxEvent event;
	ByteView bytes;
	Error error;

	(void) state;
	assert_true(decode(JSON_EVENT, &event, &bytes, &error));
	assert_memory_equal(event.id, id, sizeof(id));
	assert_view(event.aggregate_type, "order");
	assert_view(event.aggregate_id, "42");
	assert_view(event.type, "created");
	assert_null(event.headers.data);
	assert_view(event.payload, "{\"a\":  1}");
	/* Position and time are somebody else's. */
	assert_int_equal(event.position.ordinal, UINT64_C(0x5a5a5a5a5a5a5a5a));
	wire_free(bytes);
}

static void
decodes_bytes_and_headers(void **state)
{
	static const uint8_t payload[] = {0x00, 0xff};
	OutboxEvent event;
	ByteView bytes;
	Error error;

	(void) state;
	assert_true(decode(BYTES_EVENT, &event, &bytes, &error));
	assert_view(event.aggregate_id, "1");
	assert_view(event.type, "x");
	assert_view(event.headers, "{\"a\": null, \"b\": 1.50}");
	assert_int_equal(event.payload.len, sizeof(payload));
	assert_memory_equal(event.payload.data, payload, sizeof(payload));
	wire_free(bytes);
}

/* NULL is not empty. */
static void
tells_null_from_empty(void **state)
{
	OutboxEvent event;
	ByteView bytes;
	Error error;

	(void) state;
	assert_true(decode(TOMBSTONE, &event, &bytes, &error));
	assert_view(event.aggregate_type, "order");
	assert_null(event.aggregate_id.data);
	assert_null(event.type.data);
	assert_null(event.headers.data);
	assert_null(event.payload.data);
	wire_free(bytes);
	assert_true(decode(EMPTY_EVENT, &event, &bytes, &error));
	assert_view(event.aggregate_id, "");
	assert_view(event.type, "");
	assert_view(event.payload, "");
	wire_free(bytes);
}

static void
decodes_long_lengths(void **state)
{
	Buffer built;
	OutboxEvent event;
	Error error;

	(void) state;
	for (size_t len = 1; len < 300000; len = len * 3 + 1)
	{
		ByteView bytes;

		buffer_init(&built, 1 << 20);
		buffer_append_u8(&built, 0x10);
		buffer_append(&built, "0123456789abcdef", 16);
		buffer_append_u8(&built, 1);
		for (size_t rest = len + 1; rest > 0 || built.len == 18; rest >>= 7)
			buffer_append_u8(&built, (uint8_t) ((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)));
		buffer_append_u8(&built, 0);
		for (size_t i = 0; i < len + 1; i++)
			buffer_append_u8(&built, 'k');
		bytes = wire_exact(built.data, built.len);
		error_clear(&error);
		if (!message_decode(bytes, &event, &error))
			fail_msg("%zu: %s", len, error.message);
		assert_int_equal(event.aggregate_type.len, 1);
		assert_int_equal(event.aggregate_id.len, len);
		wire_free(bytes);
		buffer_free(&built);
	}
}

static void
refuses_what_it_does_not_know(void **state)
{
	(void) state;
	expect_refused("", "empty");
	expect_refused("21" ID "0503086f726465723432637265617465647b7d", "has version 2");
	expect_refused("01" ID "0503086f726465723432637265617465647b7d", "has version 0");
	expect_refused("7b2261223a20317d", "has version 7"); /* text */
	expect_refused("18" ID "0500006f72646572", "flags");
	expect_refused("12" ID "0500006f72646572", "flags"); /* bytes, and no payload */
}

static void
refuses_what_does_not_fit(void **state)
{
	(void) state;
	expect_refused(TOMBSTONE "00", "behind its end");
	expect_refused("10" ID, "cut short");
	expect_refused("10" ID "060000"
				   "6f72646572",
				   "cut short");
	expect_refused("10" ID "ffffffff0f0000"
				   "6f72646572",
				   "cut short");
	expect_refused("10" ID "ffffffffff010000"
				   "6f72646572",
				   "length");
	expect_refused("10" ID "ffffffff1f0000"
				   "6f72646572",
				   "length"); /* over 32 bits */
	expect_refused("10" ID "05ffffffff0f00"
				   "6f72646572",
				   "cut short");
	expect_refused("14" ID "05000005"
				   "6f72646572",
				   "cut short");
}

static void
refuses_text_that_is_none(void **state)
{
	(void) state;
	expect_refused("10" ID "050000"
				   "6f72ff6572",
				   "UTF-8");
	expect_refused("10" ID "050200"
				   "6f7264657280",
				   "UTF-8");
	expect_refused("10" ID "050002"
				   "6f7264657200",
				   "UTF-8"); /* U+0000 */
	expect_refused("14" ID "05000002"
				   "6f72646572c3",
				   "cut short");
	expect_refused("14" ID "05000001"
				   "6f72646572c3",
				   "UTF-8");
}

static void
every_truncation_is_refused_or_an_event(void **state)
{
	static const char *const whole[] = {JSON_EVENT, TOMBSTONE, EMPTY_EVENT, BYTES_EVENT};

	(void) state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
	{
		ByteView bytes = wire_unhex(whole[i]);
		OutboxEvent event;
		Error error;

		assert_true(message_decode(bytes, &event, &error));
		for (size_t len = 0; len < bytes.len; len++)
		{
			ByteView cut = wire_exact(bytes.data, len);
			size_t payload = event.payload.len;

			error_clear(&error);
			/* The payload has no length of its own: a transport that cuts it is found out there. */
			if (message_decode(cut, &(OutboxEvent){.commit_time = 0}, &error))
				assert_true(len >= bytes.len - payload);
			else
				assert_int_equal(error.exit_code, EXIT_MESSAGE);
			wire_free(cut);
		}
		wire_free(bytes);
	}
}

static void
random_bytes_do_no_harm(void **state)
{
	uint8_t bytes[64];
	Random random;
	int decoded = 0;

	(void) state;
	random_seed(&random, 20260131);
	for (int i = 0; i < 200000; i++)
	{
		size_t len = random_next(&random) % sizeof(bytes);
		OutboxEvent event;
		ByteView exact;
		Error error;

		for (size_t j = 0; j < len; j++)
			bytes[j] = (uint8_t) (random_next(&random) & (j < 17 ? 0xff : 0x0f));
		if (len > 0)
			bytes[0] = (uint8_t) (0x10 | (bytes[0] & 0x0f));
		exact = wire_exact(bytes, len);
		error_clear(&error);
		if (message_decode(exact, &event, &error))
			decoded++;
		else
			assert_int_equal(error.exit_code, EXIT_MESSAGE);
		wire_free(exact);
	}
	assert_in_range(decoded, 1000, 199000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_json),
		cmocka_unit_test(decodes_bytes_and_headers),
		cmocka_unit_test(tells_null_from_empty),
		cmocka_unit_test(decodes_long_lengths),
		cmocka_unit_test(refuses_what_it_does_not_know),
		cmocka_unit_test(refuses_what_does_not_fit),
		cmocka_unit_test(refuses_text_that_is_none),
		cmocka_unit_test(every_truncation_is_refused_or_an_event),
		cmocka_unit_test(random_bytes_do_no_harm),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
