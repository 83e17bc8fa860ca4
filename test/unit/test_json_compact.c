/*
 * test_json_compact.c
 *	  JSON without what is dropped, and what isn't JSON.
 */
#include "wire.h"

#include "json_compact.h"
#include "random.h"

static void
expect_with(JsonCompaction how, const char *text, const char *wanted)
{
	ByteView exact = wire_exact(text, strlen(text));
	Buffer out;

	buffer_init(&out, 1 << 20);
	buffer_append_str(&out, "before");
	if (json_compact(exact, &how, &out) != (wanted != NULL))
		fail_msg("%s", text);
	assert_string_equal(out.data + 6, wanted != NULL ? wanted : "");
	assert_int_equal(json_is_valid(exact), wanted != NULL);
	buffer_free(&out);
	wire_free(exact);
}

static void
expect(const char *text, const char *wanted)
{
	expect_with((JsonCompaction){false, false}, text, wanted);
}

static void
white_space_goes_and_spelling_stays(void **state)
{
	(void) state;
	expect(" { \"b\" : 1.10 ,\n\t\"a\" :\r\"x \\u00e4 \\/\" } ",
		   "{\"b\":1.10,\"a\":\"x \\u00e4 \\/\"}");
	expect("[ 1 , -0.5e+10 , true , false , 123456789012345678901234567890 ]",
		   "[1,-0.5e+10,true,false,123456789012345678901234567890]");
	expect("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}");
	expect("\"a, { [ b\"", "\"a, { [ b\"");
	expect("7", "7");
	expect("{}", "{}");
	expect("[]", "[]");
	expect("null", "null");
	expect("{\"{\": \"[\", \"x\": [ \"{\", \"[\" ]}", "{\"{\":\"[\",\"x\":[\"{\",\"[\"]}");
}

static void
members_are_dropped_and_elements_stay(void **state)
{
	JsonCompaction nulls = {true, false};
	JsonCompaction arrays = {false, true};
	JsonCompaction both = {true, true};
	const char *text = "{\"a\": null, \"b\": [], \"c\": 1, \"d\": null, \"e\": {\"f\": [ ]}}";

	(void) state;
	expect(text, "{\"c\":1,\"e\":{}}");
	expect_with(nulls, text, "{\"a\":null,\"c\":1,\"d\":null,\"e\":{}}");
	expect_with(arrays, text, "{\"b\":[],\"c\":1,\"e\":{\"f\":[]}}");
	expect_with(both, text, "{\"a\":null,\"b\":[],\"c\":1,\"d\":null,\"e\":{\"f\":[]}}");
	expect("[null, 2, [], {\"a\": null}, 3]", "[null,2,[],{},3]");
	expect("{\"a\": [[], [1]], \"b\": [null]}", "{\"a\":[[],[1]],\"b\":[null]}");
	expect("{\"only\": null}", "{}");
	expect("{\"x\": 1, \"last\": null}", "{\"x\":1}");
	expect("{\"first\": [], \"x\": 1}", "{\"x\":1}");
	expect("{\"a\": {\"b\": {\"c\": null}}, \"d\": [ {\"e\": []} ]}",
		   "{\"a\":{\"b\":{}},\"d\":[{}]}");
}

static void
what_is_no_json_is_refused(void **state)
{
	static const char *const cases[] = {"",
										"{",
										"[",
										"{\"a\"}",
										"{\"a\":}",
										"{\"a\":1,}",
										"[1,]",
										"[,1]",
										"{,}",
										"[1 2]",
										"{a:1}",
										"01",
										"1.",
										".5",
										"-",
										"1e",
										"+1",
										"tru",
										"nul",
										"\"",
										"\"\\x\"",
										"\"\\u12g4\"",
										"\"a\nb\"",
										"1 2",
										"{} {}",
										"]",
										"[}",
										"{\"a\":1]",
										"{\"a\" 1}",
										"\"\\\"",
										"Infinity",
										"[1]x",
										"{\"a\":null,}"};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		expect(cases[i], NULL);
	assert_false(json_is_valid((ByteView){NULL, 0}));
	assert_false(json_is_valid((ByteView){(const uint8_t *) "\"a\0\"", 4}));
	assert_false(json_is_valid((ByteView){(const uint8_t *) "\"\\\0\"", 4}));
}

static void
depth_and_room_are_bounded(void **state)
{
	JsonCompaction how = {true, true};
	char text[2 * JSON_DEPTH_MAX + 3];
	ByteView view = {(const uint8_t *) text, 2 * JSON_DEPTH_MAX};
	Buffer out;

	(void) state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	assert_true(json_is_valid(view));
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	view.len += 2;
	assert_false(json_is_valid(view));

	buffer_init(&out, 10);
	buffer_append_str(&out, "12345");
	assert_false(json_compact(view_of("[1, 2, 3, 4]"), &how, &out));
	assert_int_equal(out.len, 5);
	buffer_free(&out);
	buffer_init(&out, 10);
	assert_false(json_compact(view_of("x"), &how, &out));
	assert_int_equal(out.len, 0);
	buffer_free(&out);
}

/* Of a random document, what is written is JSON, and writing it again changes nothing. */
static void
write_random(Buffer *out, Random *random, int depth)
{
	static const char *const scalars[] = {"null", "true", "-1.50", "\"a\\\"{[\"", "\"\"", "0"};
	uint64_t kind = random_next(random) % 4;
	uint64_t count = random_next(random) % 4;

	if (depth == 0 || kind > 1)
	{
		buffer_append_str(out, scalars[random_next(random) % LENGTH(scalars)]);
		return;
	}
	buffer_append_str(out, kind == 0 ? "{ " : "[ ");
	for (uint64_t i = 0; i < count; i++)
	{
		if (i > 0)
			buffer_append_str(out, " , ");
		if (kind == 0)
			buffer_printf(out, "\"k%llu\" : ", (unsigned long long) i);
		write_random(out, random, depth - 1);
	}
	buffer_append_str(out, kind == 0 ? " }" : " ]");
}

static void
random_documents(void **state)
{
	Random random;
	Buffer text, once, twice;

	(void) state;
	random_seed(&random, 11);
	buffer_init(&text, 1 << 16);
	buffer_init(&once, 1 << 16);
	buffer_init(&twice, 1 << 16);
	for (int round = 0; round < 5000; round++)
	{
		JsonCompaction how = {round & 1, round & 2};

		buffer_reset(&text);
		buffer_reset(&once);
		buffer_reset(&twice);
		write_random(&text, &random, 6);
		assert_true(json_compact(buffer_view(&text), &how, &once));
		assert_true(json_compact(buffer_view(&once), &how, &twice));
		assert_string_equal(once.data, twice.data);
		for (size_t len = 0; len < text.len && text.data[0] == '{'; len++)
		{
			ByteView cut = wire_exact(text.data, len);

			assert_false(json_is_valid(cut));
			wire_free(cut);
		}
	}
	buffer_free(&text);
	buffer_free(&once);
	buffer_free(&twice);
}

static void
each_character_of_numbers_and_escapes(void **state)
{
	static const char *const good[] = {"1E5", "1e+5",		 "1e-5",	   "0.5",
									   "-0",  "\"\\u09aF\"", "\"\\uAf90\""};
	static const char *const bad[] = {"1e",			 "1e+",			"1e*5",		   "1.",
									  "fals",		 "falsy",		"tru",		   "nul",
									  "\"\\u09a\"",	 "\"\\u09ag\"", "\"\\u09a/\"", "\"\\u09a:\"",
									  "\"\\u09a@\"", "\"\\u09a`\"", "\"\\u09aG\""};

	(void) state;
	for (size_t i = 0; i < LENGTH(good); i++)
		expect(good[i], good[i]);
	for (size_t i = 0; i < LENGTH(bad); i++)
		expect(bad[i], NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_character_of_numbers_and_escapes),
		cmocka_unit_test(white_space_goes_and_spelling_stays),
		cmocka_unit_test(members_are_dropped_and_elements_stay),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(depth_and_room_are_bounded),
		cmocka_unit_test(random_documents),
	};

	return cmocka_run_group_tests_name("json_compact", tests, NULL, NULL);
}
