/*
 * assembling.h
 *	  For the tests of the assembler: one that is fed hexadecimal text or messages of
 *	  our own making, and what it gave last.
 */
#ifndef OUTBOX_TEST_ASSEMBLING_H
#define OUTBOX_TEST_ASSEMBLING_H

#include "wire.h"

#include "assemble.h"
#include "exit_codes.h"

#define GENERATION 7
#define EVENT_OID 500
#define BIG_LSN UINT64_C(0x1000)

typedef struct Fixture
{
	TimelineHistory timelines;
	Assembler *assembler;
	ByteView bytes; /* of the last message: events borrow from it */
	Buffer build;
	Assembled out;
	Error error;
} Fixture;

static inline int
set_up(void **state)
{
	Fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	timeline_init(&fixture->timelines, 1);
	fixture->assembler = assembler_create(GENERATION, &fixture->timelines);
	assert_non_null(fixture->assembler);
	buffer_init(&fixture->build, 1 << 20);
	*state = fixture;
	return 0;
}

static inline int
tear_down(void **state)
{
	Fixture *fixture = *state;

	assembler_free(fixture->assembler);
	buffer_free(&fixture->build);
	wire_free(fixture->bytes);
	free(fixture);
	return 0;
}

static inline bool
take_bytes(Fixture *fixture, ByteView bytes)
{
	PgoutputMessage message;

	wire_free(fixture->bytes);
	fixture->bytes = wire_exact(bytes.data, bytes.len);
	error_clear(&fixture->error);
	if (!pgoutput_decode(fixture->bytes, &message, &fixture->error))
		fail_msg("%s", fixture->error.message);
	memset(&fixture->out, 0x5a, sizeof(fixture->out));
	return assembler_take(fixture->assembler, &message, &fixture->out, &fixture->error);
}

static inline bool
take(Fixture *fixture, const char *hex)
{
	ByteView bytes = wire_unhex(hex);
	bool taken = take_bytes(fixture, bytes);

	wire_free(bytes);
	return taken;
}

static inline void
expect(Fixture *fixture, const char *hex, AssembledKind kind)
{
	if (!take(fixture, hex))
		fail_msg("%s", fixture->error.message);
	assert_int_equal(fixture->out.kind, kind);
}

static inline void
expect_refused(Fixture *fixture, bool taken, ErrorClass error_class, int exit_code)
{
	assert_false(taken);
	assert_int_equal(fixture->error.error_class, error_class);
	if (error_class == ERROR_CLASS_PERMANENT)
		assert_int_equal(fixture->error.exit_code, exit_code);
	assert_null(strstr(fixture->error.message, "secret"));
	assert_null(strstr(fixture->error.detail, "secret"));
}

/* --- messages of our own making --- */

typedef struct ColumnSpec
{
	const char *name;
	uint32_t type_oid;
} ColumnSpec;

static const ColumnSpec full[] = {{"id", 2950},		 {"aggregatetype", 25}, {"aggregateid", 25},
								  {"type", 25},		 {"payload", 114},		{"payload_bytes", 17},
								  {"headers", 3802}, {"created_at", 1184}};
#define FULL_COUNT 8

static inline bool
take_relation(Fixture *fixture, uint32_t oid, const char *schema, const char *name,
			  const ColumnSpec *columns, int count)
{
	Buffer *build = &fixture->build;

	buffer_reset(build);
	buffer_append_u8(build, 'R');
	buffer_append_u32(build, oid);
	wire_put_cstring(build, schema);
	wire_put_cstring(build, name);
	buffer_append_u8(build, 'd');
	buffer_append_u16(build, (uint16_t) count);
	for (int i = 0; i < count; i++)
	{
		buffer_append_u8(build, 0);
		wire_put_cstring(build, columns[i].name);
		buffer_append_u32(build, columns[i].type_oid);
		buffer_append_u32(build, 0xffffffff);
	}
	return take_bytes(fixture, buffer_view(build));
}

typedef struct ValueSpec
{
	char format;
	const char *data;
	size_t len;
} ValueSpec;

#define NONE                                                                                       \
	{                                                                                              \
		'n', NULL, 0                                                                               \
	}
#define TEXT(literal)                                                                              \
	{                                                                                              \
		't', literal, sizeof(literal) - 1                                                          \
	}
#define BINARY(literal)                                                                            \
	{                                                                                              \
		'b', literal, sizeof(literal) - 1                                                          \
	}
#define ID BINARY("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20")

static inline bool
take_row(Fixture *fixture, uint32_t oid, const ValueSpec *values, int count)
{
	Buffer *build = &fixture->build;

	buffer_reset(build);
	buffer_append_u8(build, 'I');
	buffer_append_u32(build, oid);
	buffer_append_u8(build, 'N');
	buffer_append_u16(build, (uint16_t) count);
	for (int i = 0; i < count; i++)
	{
		buffer_append_u8(build, (uint8_t) values[i].format);
		if (values[i].format != 't' && values[i].format != 'b')
			continue;
		buffer_append_u32(build, (uint32_t) values[i].len);
		buffer_append(build, values[i].data, values[i].len);
	}
	return take_bytes(fixture, buffer_view(build));
}

static inline bool
take_begin(Fixture *fixture, PgLsn commit_lsn)
{
	Buffer *build = &fixture->build;

	buffer_reset(build);
	buffer_append_u8(build, 'B');
	buffer_append_u64(build, commit_lsn);
	buffer_append_u64(build, 1234);
	buffer_append_u32(build, 1);
	return take_bytes(fixture, buffer_view(build));
}

static inline bool
take_commit(Fixture *fixture, PgLsn commit_lsn)
{
	Buffer *build = &fixture->build;

	buffer_reset(build);
	buffer_append_u8(build, 'C');
	buffer_append_u8(build, 0);
	buffer_append_u64(build, commit_lsn);
	buffer_append_u64(build, commit_lsn + 48);
	buffer_append_u64(build, 1234);
	return take_bytes(fixture, buffer_view(build));
}

/* An open transaction in which outbox.event is known. */
static inline void
open_transaction(Fixture *fixture)
{
	assembler_reset(fixture->assembler);
	assert_true(take_begin(fixture, BIG_LSN));
	assert_true(take_relation(fixture, EVENT_OID, "outbox", "event", full, FULL_COUNT));
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
