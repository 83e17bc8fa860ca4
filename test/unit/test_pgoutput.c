/*
 * test_pgoutput.c
 *	  The decoder: what a server sent, every truncation of it, what cannot be, and
 *	  100,000 random and mutated messages.
 */
#include "wire.h"

#include "exit_codes.h"
#include "pgoutput.h"
#include "random.h"

static const char *const golden[] = {
	WIRE_BEGIN,		WIRE_COMMIT,		  WIRE_RELATION,		 WIRE_LEAF,
	WIRE_ROW,		WIRE_ROW_BYTES,		  WIRE_ROW_TEXT,		 WIRE_ROW_BYTES_HEX,
	WIRE_HEARTBEAT, WIRE_FOREIGN_MESSAGE, WIRE_ROW_BYTES_ESCAPE,
};

/* The message borrows from *bytes: free that after looking at it. */
static void
decode(const char *hex, PgoutputMessage *message, ByteView *bytes)
{
	Error error;

	*bytes = wire_unhex(hex);
	error_clear(&error);
	if (!pgoutput_decode(*bytes, message, &error))
		fail_msg("%s", error.message);
}

static void
decodes_transaction_bounds(void **state)
{
	PgoutputMessage message;
	ByteView bytes;

	(void) state;
	decode(WIRE_BEGIN, &message, &bytes);
	assert_int_equal(message.kind, PGOUTPUT_BEGIN);
	assert_int_equal(message.tag, 'B');
	assert_true(message.u.begin.commit_lsn == WIRE_COMMIT_LSN);
	assert_true(message.u.begin.commit_time == WIRE_COMMIT_TIME);
	assert_int_equal(message.u.begin.xid, 728);
	wire_free(bytes);

	decode(WIRE_COMMIT, &message, &bytes);
	assert_int_equal(message.kind, PGOUTPUT_COMMIT);
	assert_true(message.u.commit.commit_lsn == WIRE_COMMIT_LSN);
	assert_true(message.u.commit.end_lsn == WIRE_END_LSN);
	assert_true(message.u.commit.commit_time == WIRE_COMMIT_TIME);
	wire_free(bytes);
}

static void
decodes_relation(void **state)
{
	static const PgoutputColumn expected[] = {
		{"id", 2950},	  {"aggregatetype", 25}, {"aggregateid", 25}, {"type", 25},
		{"payload", 114}, {"payload_bytes", 17}, {"headers", 3802},	  {"created_at", 1184}};
	PgoutputMessage message;
	ByteView bytes;

	(void) state;
	decode(WIRE_RELATION, &message, &bytes);
	assert_int_equal(message.kind, PGOUTPUT_RELATION);
	assert_int_equal(message.u.relation.oid, WIRE_EVENT_OID);
	assert_string_equal(message.u.relation.schema, "outbox");
	assert_string_equal(message.u.relation.name, "event");
	assert_int_equal(message.u.relation.column_count, 8);
	for (int i = 0; i < 8; i++)
	{
		assert_string_equal(message.u.relation.columns[i].name, expected[i].name);
		assert_int_equal(message.u.relation.columns[i].type_oid, expected[i].type_oid);
	}
	wire_free(bytes);

	decode(WIRE_LEAF, &message, &bytes);
	assert_string_equal(message.u.relation.name, "event_0");
	wire_free(bytes);
}

static void
decodes_rows(void **state)
{
	PgoutputMessage message;
	const PgoutputValue *values = message.u.insert.values;
	ByteView bytes;

	(void) state;
	decode(WIRE_ROW, &message, &bytes);
	assert_int_equal(message.kind, PGOUTPUT_INSERT);
	assert_int_equal(message.u.insert.oid, WIRE_EVENT_OID);
	assert_int_equal(message.u.insert.value_count, 8);
	assert_int_equal(values[0].format, 'b');
	assert_int_equal(values[0].data.len, 16);
	assert_view(values[1].data, "ride");
	assert_view(values[4].data, "{\"z\": 1.50,  \"a\":2}");
	assert_int_equal(values[5].format, 'n');
	assert_null(values[5].data.data);
	assert_int_equal(values[6].data.data[0], 1); /* the version of jsonb */
	assert_int_equal(values[7].data.len, 8);
	wire_free(bytes);

	decode(WIRE_ROW_TEXT, &message, &bytes);
	assert_int_equal(values[0].format, 't');
	assert_view(values[0].data, "0190b2c4-1111-7222-8333-444455556666");
	assert_view(values[7].data, "2026-01-31 12:34:56.789+00");
	wire_free(bytes);
}

static void
decodes_messages(void **state)
{
	PgoutputMessage message;
	ByteView bytes;

	(void) state;
	decode(WIRE_HEARTBEAT, &message, &bytes);
	assert_int_equal(message.kind, PGOUTPUT_MESSAGE);
	assert_true(message.u.message.transactional);
	assert_true(message.u.message.lsn == UINT64_C(0x153a558));
	assert_string_equal(message.u.message.prefix, "pg_outbox.heartbeat");
	assert_view(message.u.message.content, "pg_outbox 750:750:");
	wire_free(bytes);

	decode(WIRE_FOREIGN_MESSAGE, &message, &bytes);
	assert_false(message.u.message.transactional);
	assert_string_equal(message.u.message.prefix, "other");
	wire_free(bytes);
}

static void
empty_values_are_not_null(void **state)
{
	PgoutputMessage message;
	ByteView bytes;

	(void) state;
	decode("49000000014e0003"
		   "7400000000"
		   "75"
		   "6200000000",
		   &message, &bytes);
	assert_int_equal(message.u.insert.value_count, 3);
	assert_view(message.u.insert.values[0].data, "");
	assert_int_equal(message.u.insert.values[1].format, 'u');
	assert_null(message.u.insert.values[1].data.data);
	assert_view(message.u.insert.values[2].data, "");
	wire_free(bytes);
}

static void
other_kinds_are_let_through(void **state)
{
	(void) state;
	for (const char *tag = "OYTUD"; *tag != '\0'; tag++)
	{
		ByteView bytes = wire_exact(tag, 1);
		PgoutputMessage message;
		Error error;

		assert_true(pgoutput_decode(bytes, &message, &error));
		assert_int_equal(message.kind, PGOUTPUT_OTHER);
		assert_int_equal(message.tag, *tag);
		wire_free(bytes);
	}
}

static void
refuse_bytes(ByteView bytes, ErrorClass error_class, const char *what)
{
	PgoutputMessage message;
	Error error;

	error_clear(&error);
	if (pgoutput_decode(bytes, &message, &error))
		fail_msg("%s was decoded", what);
	assert_int_equal(error.error_class, error_class);
	assert_true(error.message[0] != '\0');
}

static void
refuses_every_prefix(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH(golden); i++)
	{
		ByteView whole = wire_unhex(golden[i]);

		for (size_t len = 0; len < whole.len; len++)
		{
			ByteView prefix = wire_exact(whole.data, len);

			refuse_bytes(prefix, ERROR_CLASS_BUG, "a prefix");
			wire_free(prefix);
		}
		wire_free(whole);
	}
}

static void
refuses_trailing_bytes(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH(golden); i++)
	{
		ByteView whole = wire_unhex(golden[i]);
		uint8_t *longer = calloc(1, whole.len + 1);

		assert_non_null(longer);
		memcpy(longer, whole.data, whole.len);
		refuse_bytes((ByteView){longer, whole.len + 1}, ERROR_CLASS_BUG, golden[i]);
		free(longer);
		wire_free(whole);
	}
}

static void
refuses_what_cannot_be(void **state)
{
	static const struct
	{
		const char *what;
		const char *hex;
	} cases[] = {
		{"tag 0", "00"},
		{"tag 0xff", "ff"},
		{"stream start", "530000000101"},
		{"stream stop", "45"},
		{"stream commit", "63"},
		{"stream abort", "41"},
		{"begin prepare", "62"},
		{"prepare", "50"},
		{"commit prepared", "4b"},
		{"rollback prepared", "72"},
		{"BEGIN without position", "420000000000000000000303c17ad4e31b000002d8"},
		{"COMMIT with flags", "4301000000000153a598000000000153a5c8000303c17ad4e31b"},
		{"COMMIT of no length", "4300000000000153a598000000000153a598000303c17ad4e31b"},
		{"COMMIT that ends early", "4300000000000153a598000000000153a597000303c17ad4e31b"},
		{"message with flags", "4d02000000000153a5986f7468657200000000026869"},
		{"message longer than the frame", "4d00000000000153a5986f7468657200ffffffff6869"},
		{"message prefix without end", "4d00000000000153a5986f74686572"},
		{"INSERT of an old row", "49000000014b00016e"},
		{"value of unknown format", "49000000014e000178"},
		{"value longer than the frame", "49000000014e000174ffffffff61"},
		{"more values announced than sent", "49000000014e00026e"},
		{"more columns announced than sent", "520000000161006200640001"},
		{"schema without end", "520000000161"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		ByteView bytes = wire_unhex(cases[i].hex);

		refuse_bytes(bytes, ERROR_CLASS_BUG, cases[i].what);
		wire_free(bytes);
	}
}

/* A RELATION or INSERT of count columns, complete. */
static void
build_wide(Buffer *out, char tag, int count)
{
	buffer_reset(out);
	buffer_append_u8(out, (uint8_t) tag);
	buffer_append_u32(out, 1);
	if (tag == 'R')
	{
		wire_put_cstring(out, "outbox");
		wire_put_cstring(out, "event");
	}
	buffer_append_u8(out, tag == 'R' ? 'd' : 'N');
	buffer_append_u16(out, (uint16_t) count);
	for (int i = 0; i < count; i++)
	{
		if (tag == 'I')
		{
			buffer_append_u8(out, 'n');
			continue;
		}
		buffer_append_u8(out, 0);
		wire_put_cstring(out, "column");
		buffer_append_u32(out, 25);
		buffer_append_u32(out, 0xffffffff);
	}
	assert_false(out->failed);
}

static void
refuses_too_many_columns(void **state)
{
	static const int wide[] = {PGOUTPUT_MAX_COLUMNS + 1, 1600, 32768, 65535};
	Buffer buffer;
	PgoutputMessage message;
	Error error;

	(void) state;
	buffer_init(&buffer, 1 << 21);
	for (const char *tag = "RI"; *tag != '\0'; tag++)
	{
		build_wide(&buffer, *tag, PGOUTPUT_MAX_COLUMNS);
		assert_true(pgoutput_decode(buffer_view(&buffer), &message, &error));
		for (size_t i = 0; i < LENGTH(wide); i++)
		{
			build_wide(&buffer, *tag, wide[i]);
			assert_false(pgoutput_decode(buffer_view(&buffer), &message, &error));
			assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
			assert_int_equal(error.exit_code, EXIT_PUBLICATION);
		}
	}
	buffer_free(&buffer);
}

static void
assert_within(ByteView outer, const void *data, size_t len)
{
	const uint8_t *start = data;

	assert_true(start >= outer.data && start <= outer.data + outer.len);
	assert_true(len <= (size_t) (outer.data + outer.len - start));
}

static void
assert_sound(ByteView bytes, const PgoutputMessage *message)
{
	switch (message->kind)
	{
		case PGOUTPUT_RELATION:
			assert_in_range(message->u.relation.column_count, 0, PGOUTPUT_MAX_COLUMNS);
			assert_within(bytes, message->u.relation.name, strlen(message->u.relation.name) + 1);
			for (int i = 0; i < message->u.relation.column_count; i++)
			{
				const char *name = message->u.relation.columns[i].name;

				assert_within(bytes, name, strlen(name) + 1);
			}
			break;
		case PGOUTPUT_INSERT:
			assert_in_range(message->u.insert.value_count, 0, PGOUTPUT_MAX_COLUMNS);
			for (int i = 0; i < message->u.insert.value_count; i++)
			{
				const PgoutputValue *value = &message->u.insert.values[i];

				assert_non_null(strchr("nutb", value->format));
				if (value->data.data != NULL)
					assert_within(bytes, value->data.data, value->data.len);
			}
			break;
		case PGOUTPUT_MESSAGE:
			assert_within(bytes, message->u.message.content.data, message->u.message.content.len);
			break;
		case PGOUTPUT_BEGIN:
			assert_true(message->u.begin.commit_lsn != LSN_INVALID);
			break;
		case PGOUTPUT_COMMIT:
			assert_true(message->u.commit.end_lsn > message->u.commit.commit_lsn);
			break;
		case PGOUTPUT_OTHER:
			break;
	}
}

/* Random bytes behind a known tag, or a golden message with some of its bytes changed and cut. */
static size_t
make_random(Random *random, uint8_t *out, size_t size)
{
	size_t len;

	if (random_below(random, 4) == 0)
	{
		len = (size_t) random_below(random, 64) + 1;
		for (size_t i = 0; i < len; i++)
			out[i] = (uint8_t) random_next(random);
		out[0] = (uint8_t) "BCRIMOYTUDSx"[random_below(random, 12)];
		return len;
	}
	else
	{
		ByteView whole = wire_unhex(golden[random_below(random, LENGTH(golden))]);

		assert_true(whole.len <= size);
		memcpy(out, whole.data, whole.len);
		len = whole.len;
		wire_free(whole);
	}
	for (uint64_t changes = random_below(random, 4); changes > 0; changes--)
	{
		size_t at = (size_t) random_below(random, len);

		out[at] = random_below(random, 2) == 0
					  ? (uint8_t) random_next(random)
					  : (uint8_t) (out[at] ^ 1u << random_below(random, 8));
	}
	if (random_below(random, 8) == 0)
		len = (size_t) random_below(random, len);
	return len;
}

static void
survives_random_messages(void **state)
{
	uint8_t bytes[1024];
	Random random;
	int decoded = 0;

	(void) state;
	random_seed(&random, 2);
	for (int i = 0; i < 100000; i++)
	{
		ByteView view = wire_exact(bytes, make_random(&random, bytes, sizeof(bytes)));
		PgoutputMessage message;
		Error error;

		error.error_class = ERROR_CLASS_NONE;
		if (pgoutput_decode(view, &message, &error))
		{
			assert_sound(view, &message);
			decoded++;
		}
		else
			assert_int_not_equal(error.error_class, ERROR_CLASS_NONE);
		wire_free(view);
	}
	/* Both ways were taken. */
	assert_in_range(decoded, 10000, 90000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_transaction_bounds),
		cmocka_unit_test(decodes_relation),
		cmocka_unit_test(decodes_rows),
		cmocka_unit_test(decodes_messages),
		cmocka_unit_test(empty_values_are_not_null),
		cmocka_unit_test(other_kinds_are_let_through),
		cmocka_unit_test(refuses_every_prefix),
		cmocka_unit_test(refuses_trailing_bytes),
		cmocka_unit_test(refuses_what_cannot_be),
		cmocka_unit_test(refuses_too_many_columns),
		cmocka_unit_test(survives_random_messages),
	};

	return cmocka_run_group_tests_name("pgoutput", tests, NULL, NULL);
}
