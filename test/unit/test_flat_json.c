/*
 * test_flat_json.c
 *	  The reader of flat JSON objects: values, escapes, refusals, truncation, random
 *	  bytes.
 */
#include "wire.h"

#include "flat_json.h"
#include "random.h"

/*
 * Reads all members and writes them as "name=value;" (null: "name!").  Returns the
 * problem, or NULL.  Text and scratch are exactly as long as they must be.
 */
static const char *
read_all(const char *json, size_t len, char *out, size_t out_size)
{
	ByteView text = wire_exact(json, len);
	uint8_t *scratch = malloc(len > 0 ? len : 1);
	const char *problem = NULL;
	size_t used = 0;
	FlatJson reader;
	FlatJsonMember member;
	FlatJsonResult result;

	assert_non_null(scratch);
	out[0] = '\0';
	flat_json_init(&reader, text, scratch);
	while ((result = flat_json_next(&reader, &member)) == FLAT_JSON_MEMBER)
	{
		int written = snprintf(out + used, out_size - used, "%.*s%s%.*s%s", (int) member.name.len,
							   (const char *) member.name.data, member.value.data ? "=" : "!",
							   (int) member.value.len, (const char *) member.value.data,
							   member.value.data ? ";" : "");

		assert_true(written >= 0 && (size_t) written < out_size - used);
		used += (size_t) written;
	}
	assert_true(reader.scratch_used <= len);
	if (result == FLAT_JSON_INVALID)
	{
		problem = reader.problem;
		assert_non_null(problem);
		assert_int_equal(flat_json_next(&reader, &member), FLAT_JSON_INVALID);
	}
	free(scratch);
	wire_free(text);
	return problem;
}

static void
reads_members(void **state)
{
	static const struct
	{
		const char *json;
		const char *expected;
	} cases[] = {
		{"{}", ""},
		{" { } ", ""},
		{"{\"a\": \"x\"}", "a=x;"},
		{"\t{\"a\":\"x\",\n\"b\" : \"y\" }\r\n", "a=x;b=y;"},
		{"{\"b\":1,\"a\":2,\"b\":3}", "b=1;a=2;b=3;"},
		{"{\"a\":\"\",\"\":\"x\"}", "a=;=x;"},
		{"{\"a\":null}", "a!"},
		{"{\"a\":true,\"b\":false}", "a=true;b=false;"},
		{"{\"a\":0,\"b\":-0,\"c\":1.50,\"d\":-12e+3,\"e\":1E-2,\"f\":0.0}",
		 "a=0;b=-0;c=1.50;d=-12e+3;e=1E-2;f=0.0;"},
		{"{\"n\":123456789012345678901234567890.123456789012345678901234567890}",
		 "n=123456789012345678901234567890.123456789012345678901234567890;"},
		{"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "a=\"\\/\b\f\n\r\t;"},
		{"{\"\\u0041\":\"x\\u00e4\\u20ac\\ud83d\\ude00\\uD83D\\uDE00\"}",
		 "A=x\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf0\x9f\x98\x80;"},
		{"{\"a\":\"\xc3\xa4\\n\xc3\xa4\",\"b\":\"plain\",\"c\":\"\\t\"}",
		 "a=\xc3\xa4\n\xc3\xa4;b=plain;c=\t;"},
	};
	char out[256];

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		const char *problem = read_all(cases[i].json, strlen(cases[i].json), out, sizeof(out));

		if (problem != NULL)
			fail_msg("%s: %s", cases[i].json, problem);
		assert_string_equal(out, cases[i].expected);
	}
}

static void
refuses_everything_else(void **state)
{
	static const char *const cases[] = {
		"",
		" ",
		"null",
		"\"a\"",
		"1",
		"[]",
		"[{\"a\":1}]",
		"{",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\" \"b\"}",
		"{\"a\":1,}",
		"{,\"a\":1}",
		"{\"a\":1 \"b\":2}",
		"{\"a\":1}}",
		"{\"a\":1} x",
		"{} {}",
		"{a:1}",
		"{'a':1}",
		"{1:1}",
		"{\"a\":{}}",
		"{\"a\":{\"b\":1}}",
		"{\"a\":[]}",
		"{\"a\":[1]}",
		"{\"a\":01}",
		"{\"a\":-}",
		"{\"a\":+1}",
		"{\"a\":.5}",
		"{\"a\":1.}",
		"{\"a\":1e}",
		"{\"a\":1e+}",
		"{\"a\":0x1}",
		"{\"a\":NaN}",
		"{\"a\":tru}",
		"{\"a\":True}",
		"{\"a\":truex}",
		"{\"a\":nul}",
		"{\"a\":\"x}",
		"{\"a\":\"x\n\"}",
		"{\"a\":\"\\n\x01\"}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\\'\"}",
		"{\"a\":\"\\u12\"}",
		"{\"a\":\"\\u12g4\"}",
		"{\"a\":\"\\u0000\"}",
		"{\"\\u0000\":1}",
		"{\"a\":\"\\ud83d\"}",
		"{\"a\":\"\\ud83dx\"}",
		"{\"a\":\"\\ud83d\\n\"}",
		"{\"a\":\"\\ud83d\\u0041\"}",
		"{\"a\":\"\\ude00\"}",
		"\xef\xbb\xbf{}",
	};
	char out[256];

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		if (read_all(cases[i], strlen(cases[i]), out, sizeof(out)) == NULL)
			fail_msg("was accepted: %s", cases[i]);
	}
	assert_non_null(read_all("{\"a\":\"\\\0\"}", 10, out, sizeof(out)));
}

static const char sample[] =
	"{\"a\": \"x\\ud83d\\ude00y\", \"b\": -1.5e3, \"c\": null, \"d\": true}";

static void
refuses_every_prefix(void **state)
{
	char out[256];

	(void) state;
	assert_null(read_all(sample, strlen(sample), out, sizeof(out)));
	for (size_t len = 0; len < strlen(sample); len++)
		assert_non_null(read_all(sample, len, out, sizeof(out)));
}

static void
survives_mutations(void **state)
{
	static const char alphabet[] = "{}[]\":,\\u0123456789abcdefx \n\xff-+.eE";
	char text[sizeof(sample)];
	char out[1024];
	Random random;
	int accepted = 0;

	(void) state;
	random_seed(&random, 4);
	for (int i = 0; i < 50000; i++)
	{
		memcpy(text, sample, sizeof(text));
		for (uint64_t changes = random_below(&random, 3) + 1; changes > 0; changes--)
		{
			size_t at = (size_t) random_below(&random, sizeof(text) - 1);

			text[at] = alphabet[random_below(&random, sizeof(alphabet) - 1)];
		}
		if (read_all(text, sizeof(text) - 1, out, sizeof(out)) == NULL)
			accepted++;
	}
	assert_in_range(accepted, 500, 49500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_members),
		cmocka_unit_test(refuses_everything_else),
		cmocka_unit_test(refuses_every_prefix),
		cmocka_unit_test(survives_mutations),
	};

	return cmocka_run_group_tests_name("flat_json", tests, NULL, NULL);
}
