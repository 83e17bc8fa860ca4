/*
 * wire.h
 *	  Bytes for the tests of the relay's decoders: what PostgreSQL 15.20 sent for
 *	  one transaction, and helpers to cut and to build messages.
 *
 * The transaction, in a database with the published columns of outbox.event:
 *		INSERT (… 'ride', 'r-1', 'started', payload '{"z": 1.50,  "a":2}', headers …)
 *		INSERT (… 'ride', NULL, NULL, payload_bytes '\x00ff5c41')
 *		SELECT pg_logical_emit_message(true, 'pg_outbox.heartbeat', 'pg_outbox 750:750:')
 *		SELECT pg_logical_emit_message(false, 'other', 'hi')
 */
#ifndef OUTBOX_TEST_WIRE_H
#define OUTBOX_TEST_WIRE_H

#include "unit.h"

#include "buffer.h"
#include "reader.h"

#define WIRE_COMMIT_LSN UINT64_C(0x0153A598)
#define WIRE_END_LSN UINT64_C(0x0153A5C8)
#define WIRE_COMMIT_TIME INT64_C(0x000303c17ad4e31b)
#define WIRE_EVENT_OID 0x4001

#define WIRE_BEGIN "42000000000153a598000303c17ad4e31b000002d8"
#define WIRE_COMMIT "4300000000000153a598000000000153a5c8000303c17ad4e31b"
#define WIRE_COLUMNS                                                                               \
	"6400080069640000000b86ffffffff00616767726567617465747970650000000019ffffffff0061676772656761" \
	"746569640000000019ffffffff00747970650000000019ffffffff007061796c6f61640000000072ffffffff0070" \
	"61796c6f61645f62797465730000000011ffffffff00686561646572730000000edaffffffff0063726561746564" \
	"5f617400000004a0ffffffff"
#define WIRE_RELATION "52000040016f7574626f78006576656e7400" WIRE_COLUMNS
#define WIRE_LEAF "52000040076f7574626f78006576656e745f3000" WIRE_COLUMNS
#define WIRE_ROW                                                                                   \
	"49000040014e000862000000100190b2c41111722283334444555566666200000004726964656200000003722d31" \
	"62"                                                                                           \
	"000000077374617274656462000000137b227a223a20312e35302c20202261223a327d6e620000002c017b226222" \
	"3a202278222c20226e223a20312e35302c202274223a20747275652c20227a223a206e756c6c7d62000000080002" \
	"ecad160bc608"
#define WIRE_ROW_BYTES                                                                             \
	"49000040014e000862000000100190b2c41111722283334444555566676200000004726964656e6e6e6200000004" \
	"00ff5c416e62000000080002ecad160bc608"
#define WIRE_ROW_TEXT                                                                              \
	"49000040014e0008740000002430313930623263342d313131312d373232322d383333332d343434343535353536" \
	"3636367400000004726964657400000003722d3174000000077374617274656474000000137b227a223a20312e35" \
	"302c20202261223a327d6e740000002b7b2262223a202278222c20226e223a20312e35302c202274223a20747275" \
	"652c20227a223a206e756c6c7d740000001a323032362d30312d33312031323a33343a35362e3738392b3030"
#define WIRE_ROW_BYTES_HEX                                                                         \
	"49000040014e0008740000002430313930623263342d313131312d373232322d383333332d343434343535353536" \
	"3636377400000004726964656e6e6e740000000a5c7830306666356334316e740000001a323032362d30312d3331" \
	"2031323a33343a35362e3738392b3030"
#define WIRE_ROW_BYTES_ESCAPE                                                                      \
	"49000040014e0008740000002430313930623263342d313131312d373232322d383333332d343434343535353536" \
	"3636377400000004726964656e6e6e740000000b5c3030305c3337375c5c416e740000001a323032362d30312d33" \
	"312031323a33343a35362e3738392b3030"
#define WIRE_HEARTBEAT                                                                             \
	"4d01000000000153a55870675f6f7574626f782e686561727462656174000000001270675f6f7574626f78203735" \
	"303a3735303a"
#define WIRE_FOREIGN_MESSAGE "4d00000000000153a5986f7468657200000000026869"

/* A block of exactly len bytes, so that a memory checker sees the first byte read behind it. */
static inline ByteView
wire_exact(const void *data, size_t len)
{
	uint8_t *copy;

	if (len == 0)
		return (ByteView){NULL, 0};
	copy = malloc(len);
	assert_non_null(copy);
	memcpy(copy, data, len);
	return (ByteView){copy, len};
}

static inline void
wire_free(ByteView bytes)
{
	free((void *) (uintptr_t) bytes.data);
}

static inline unsigned
wire_nibble(char c)
{
	return (unsigned) (c <= '9' ? c - '0' : c - 'a' + 10);
}

static inline ByteView
wire_unhex(const char *hex)
{
	size_t len = strlen(hex) / 2;
	uint8_t *bytes = malloc(len + 1);
	ByteView exact;

	assert_non_null(bytes);
	assert_int_equal(strlen(hex) % 2, 0);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t) (wire_nibble(hex[2 * i]) << 4 | wire_nibble(hex[2 * i + 1]));
	exact = wire_exact(bytes, len);
	free(bytes);
	return exact;
}

static inline void
assert_view(ByteView view, const char *expected)
{
	assert_non_null(view.data);
	assert_int_equal(view.len, strlen(expected));
	assert_memory_equal(view.data, expected, view.len);
}

static inline void
wire_put_cstring(Buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text) + 1);
}

#endif
