/*
 * test_scenario.c
 *	  Scenario files: what they mean, what is refused and where it stands, and
 *	  whether expectations held.
 */
#include "unit.h"

#include "clock.h"
#include "exit_codes.h"
#include "scenario.h"

#define HEAD "title = T\nduration = 20s\n"
#define SHOP "kind = inventory\n"

static Scenario scenario;

static bool
parse(const char *text, Error *error)
{
	error_clear(error);
	return scenario_parse(&scenario, "some/dir/x.scenario", text, strlen(text), error);
}

static void
everything(void **state)
{
	Error error;

	(void) state;
	assert_true(parse("# first a comment\n"
					  "title = The target crashes\n"
					  "about = Words, = signs and 1 + 1.   # and this\n"
					  "at 30% crash target until 70%\n"
					  "at 4s  latency   source 300ms jitter 50ms until 9s\n"
					  "at 500ms bandwidth app-target 64kB/s until 1min\n"
					  "at 0% reset consumer-target until 12.5%\n"
					  "duration = 100s\n"
					  "rate = 7\n"
					  "load = bursts every 5s  for 1s times 4\n"
					  "\n"
					  "expect outbox direct lost = 0, duplicates = 0\n"
					  "expect direct rejected >= 30%, lost + order < 3, p99 <= 1.5s\n",
					  &error));
	assert_string_equal(scenario.name, "x");
	assert_string_equal(scenario.title, "The target crashes");
	assert_string_equal(scenario.about, "Words, = signs and 1 + 1.");
	assert_int_equal(scenario.duration_usec, 100 * USEC_PER_SEC);
	assert_int_equal(scenario.rate, 7);
	assert_string_equal(scenario.load, "bursts every 5s for 1s times 4");
	assert_int_equal(scenario.shape.form, LOAD_BURSTS);
	assert_int_equal(scenario.shape.width_usec, USEC_PER_SEC);

	assert_int_equal(scenario.fault_count, 4);
	assert_int_equal(scenario.faults[0].kind, FAULT_CRASH);
	assert_int_equal(scenario.faults[0].part, PART_TARGET);
	assert_int_equal(scenario.faults[0].from_usec, 30 * USEC_PER_SEC);
	assert_int_equal(scenario.faults[0].until_usec, 70 * USEC_PER_SEC);
	assert_string_equal(scenario.faults[1].text, "latency source 300ms jitter 50ms");
	assert_string_equal(scenario.faults[1].where, "source");
	assert_int_equal(scenario.faults[1].links,
					 LINK_BIT(LINK_APP_SOURCE) | LINK_BIT(LINK_RELAY_SOURCE));
	assert_int_equal(scenario.faults[1].jitter_usec, 50 * USEC_PER_MS);
	assert_int_equal(scenario.faults[2].bytes_per_s, 64000);
	assert_int_equal(scenario.faults[2].until_usec, 60 * USEC_PER_SEC);
	assert_int_equal(scenario.faults[3].until_usec, 12500 * USEC_PER_MS);

	assert_int_equal(scenario.expectation_count, 7);
	assert_int_equal(scenario.expectations[0].mode, MODE_DIRECT);
	assert_int_equal(scenario.expectations[1].mode, MODE_OUTBOX);
	assert_string_equal(scenario.expectations[1].text, "lost = 0");
	assert_int_equal(scenario.expectations[4].unit, UNIT_PERCENT);
	assert_int_equal(scenario.expectations[5].measures,
					 MEASURE_BIT(MEASURE_LOST) | MEASURE_BIT(MEASURE_ORDER));
	assert_int_equal(scenario.expectations[6].unit, UNIT_MS);
	assert_true(scenario.expectations[6].value == 1500);

	scenario_scale(&scenario, 10 * USEC_PER_SEC);
	assert_int_equal(scenario.faults[0].from_usec, 3 * USEC_PER_SEC);
	assert_int_equal(scenario.faults[1].until_usec, 900 * USEC_PER_MS);
	assert_int_equal(scenario.duration_usec, 10 * USEC_PER_SEC);
}

/* What is wrong, where, and that nothing but the configuration is to blame. */
static void
refused(void **state)
{
	static const struct
	{
		const char *text;
		const char *where;
		const char *what;
	} cases[] = {
		{"", ":1:1: ", "there is no title"},
		{"title = T\n", ":1:10: ", "there is no duration"},
		{"title =  # nothing\n", ":1:10: ", "\"title\" is empty"},
		{"title = T\ntitle = U\n", ":2:1: ", "given twice"},
		{"titel = T\n", ":1:1: ", "unknown word \"titel\""},
		{"title T\n", ":1:7: ", "\"=\" should stand"},
		{"title\n", ":1:6: ", "\"=\" is missing"},
		{"title = a\x01z\n", ":1:10: ", "byte 0x01 is no text"},
		{"title = \xc3\n", ":1:9: ", "byte 0xc3 is no text"},
		{"title = \xe0\x80\x80\n", ":1:9: ", "byte 0xe0 is no text"},
		{"title = \xed\xa0\x80\n", ":1:9: ", "byte 0xed is no text"},
		{"title = \xf4\x90\x80\x80\n", ":1:9: ", "byte 0xf4 is no text"},
		{"title = \xf0\x8f\xbf\xbf\n", ":1:9: ", "byte 0xf0 is no text"},
		{HEAD "duration = 3s", ":3:1: ", "given twice"},
		{"duration = 20\n", ":1:12: ", "\"20\" has no unit"},
		{"duration = soon\n", ":1:12: ", "\"soon\" is no time"},
		{"duration = 1e9s\n", ":1:12: ", "has no unit"},
		{"duration = 0.5s\n", ":1:12: ", "is not between"},
		{"duration = 20s 5\n", ":1:16: ", "\"5\" is one word too many"},
		{"rate = 1.5\n", ":1:8: ", "whole number"},
		{"rate = 5001\n", ":1:8: ", "is not between"},
		{"rate = 3\nrate = 3\n", ":2:1: ", "given twice"},
		{"load = constant\nload = constant\n", ":2:1: ", "given twice"},
		{"title = T\nduration = 3600s\nrate = 5000\n", ":3:12: ", "more than 10000000 requests"},
		{"load = waves\n", ":1:8: ", "unknown load \"waves\""},
		{"load = bursts every 1s for 1s times 2\n", ":1:28: ", "shorter than its period"},
		{"load = rush-hour 3\n", ":1:18: ", "\"peak\" should stand"},
		{HEAD "rate = 3\nload = ramp from 1 to 2\n", ":4:8: ", "a ramp has no rate"},
		{HEAD "rate = 4000\nload = rush-hour peak 2\n", ":4:8: ", "more than 5000"},
		{HEAD "at 5s melt target until 9s\n", ":3:7: ", "unknown fault \"melt\""},
		{HEAD "at 5s crash moon until 9s\n", ":3:13: ", "unknown part \"moon\""},
		{HEAD "at 5s disk-full source until 9s\n", ":3:17: ", "no disk-full for the source"},
		{HEAD "at 5s latency relay 1ms until 9s\n", ":3:15: ", "unknown link \"relay\""},
		{HEAD "at 5s latency target until 9s\n", ":3:22: ", "\"until\" is no time"},
		{HEAD "at 5s bandwidth target 3 until 9s\n", ":3:24: ", "\"3\" is no bandwidth"},
		{HEAD "at 5s crash target\n", ":3:19: ", "\"until\" is missing"},
		{HEAD "at 9s crash target until 5s\n", ":3:26: ", "ends before it begins"},
		{HEAD "at 9s crash target until 21s\n", ":3:26: ", "ends after the load"},
		{HEAD "at 101% crash target until 21s\n", ":3:4: ", "more than 100%"},
		{HEAD "at 1s crash target until 5s\nat 4s pause target until 6s\n",
		 ":4:4: ", "the fault of line 3 is not over"},
		{HEAD "at 1s reset target until 5s\nat 4s reset app-target until 6s\n",
		 ":4:4: ", "the fault of line 3 is not over"},
		{HEAD "expect nobody lost = 0\n", ":3:8: ", "unknown path \"nobody\""},
		{HEAD "expect outbox outbox lost = 0\n", ":3:15: ", "given twice"},
		{HEAD "expect outbox beauty = 0\n", ":3:15: ", "unknown measure \"beauty\""},
		{HEAD "expect outbox lost 0\n", ":3:20: ", "a comparison is missing"},
		{HEAD "expect outbox lost = none\n", ":3:22: ", "\"none\" is no number"},
		{HEAD "expect outbox lost + lost = 0\n", ":3:22: ", "given twice"},
		{HEAD "expect outbox lost + p99 = 0\n", ":3:22: ", "times cannot be added"},
		{HEAD "expect outbox p99 < 3\n", ":3:21: ", "has no unit"},
		{HEAD "expect outbox lost = 0,\n", ":3:24: ", "unknown measure \"\""},
		{HEAD "expect outbox lost >= 0\n", ":3:15: ", "\"lost >= 0\" holds whatever happens"},
		{HEAD "expect outbox order = 0, lost < 0\n", ":3:26: ", "\"lost < 0\" can never hold"},
		{HEAD "expect outbox visible <= 100%\n", ":3:15: ", "holds whatever happens"},
		{HEAD "expect outbox rejected > 100%\n", ":3:15: ", "can never hold"},
		{HEAD "expect outbox drain >= 0s\n", ":3:15: ", "holds whatever happens"},
		{HEAD "expect outbox p99 < 0ms\n", ":3:15: ", "can never hold"},
		{"kind = shop\n", ":1:8: ", "unknown kind \"shop\""},
		{"kind = a-kind-whose-name-is-longer-than-forty-bytes\n",
		 ":1:8: ", "unknown kind \"a-kind-whose-name-is-longer-than-forty-b\""},
		{HEAD "expect outbox lost = 0\nkind = inventory\n", ":4:1: ", "before the first"},
		{HEAD "kind = paths\nkind = paths\n", ":4:1: ", "given twice"},
		{HEAD "at 1s crash app until 2s\nkind = inventory\n", ":4:1: ", "before the first"},
		{HEAD "at 1s away pricing until 2s\n", ":3:7: ", "unknown fault \"away\""},
		{HEAD "expect outbox partial = 0\n", ":3:15: ", "unknown measure \"partial\""},
		{HEAD SHOP "at 1s crash target until 2s\n", ":4:7: ", "unknown fault \"crash\""},
		{HEAD SHOP "at 1s away audit until 2s\n", ":4:12: ", "unknown service \"audit\""},
		{HEAD SHOP "at 1s away pricing until 4s\nat 3s away pricing until 5s\n",
		 ":5:4: ", "the fault of line 4 is not over"},
		{HEAD SHOP "expect direct lost = 0\n", ":4:8: ", "unknown path \"direct\""},
		{HEAD SHOP "expect sync audit lost = 0\n", ":4:13: ", "only outbox has a topic"},
		{HEAD SHOP "expect outbox pricing pricing lost = 0\n", ":4:23: ", "given twice"},
		{HEAD SHOP "expect outbox recovery < 3s\n", ":4:15: ", "unknown measure \"recovery\""},
		{HEAD SHOP "expect outbox lag < 3\n", ":4:21: ", "has no unit"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		char where[64];
		Error error;

		snprintf(where, sizeof(where), "some/dir/x.scenario%s", cases[i].where);
		if (parse(cases[i].text, &error))
			fail_msg("taken: %s", cases[i].text);
		if (strncmp(error.message, where, strlen(where)) != 0 ||
			strstr(error.message, cases[i].what) == NULL)
			fail_msg("%s: %s", cases[i].text, error.message);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
	}
}

static void
faults_beside_each_other(void **state)
{
	Error error;

	(void) state;
	assert_true(parse(HEAD "at 1s crash target until 5s\n"
						   "at 5s crash target until 6s\n"
						   "at 1s crash consumer until 5s\n"
						   "at 1s latency target 3ms until 5s\n"
						   "at 1s reset target until 5s\n"
						   "at 1s reset source until 5s\n",
					  &error));
	assert_int_equal(scenario.fault_count, 6);
}

static void
services(void **state)
{
	const Expectation *expectations = scenario.expectations;
	Error error;

	(void) state;
	assert_true(parse(SHOP HEAD "at 30% away pricing until 60%\n"
								"at 10% away inventory until 60%\n"
								"expect sync rejected >= 10%, partial >= 1\n"
								"expect outbox recommendation inventory lag <= 2s\n"
								"expect outbox audit lost + different = 0\n",
					  &error));
	assert_int_equal(scenario.kind, SCENARIO_INVENTORY);
	assert_int_equal(scenario.fault_count, 2);
	assert_int_equal(scenario.faults[0].kind, FAULT_AWAY);
	assert_int_equal(scenario.faults[0].service, SERVICE_PRICING);
	assert_int_equal(scenario.faults[0].from_usec, 6 * USEC_PER_SEC);
	assert_string_equal(scenario.faults[0].text, "away pricing");
	assert_int_equal(scenario.expectation_count, 5);
	assert_int_equal(expectations[0].path, SHOP_SYNC);
	assert_int_equal(expectations[0].service, SERVICE_COUNT);
	assert_int_equal(expectations[1].measures, MEASURE_BIT(MEASURE_PARTIAL));
	assert_int_equal(expectations[2].path, SHOP_OUTBOX);
	assert_int_equal(expectations[2].service, SERVICE_INVENTORY);
	assert_int_equal(expectations[2].unit, UNIT_MS);
	assert_int_equal(expectations[3].service, SERVICE_RECOMMENDATION);
	assert_int_equal(expectations[4].service, SERVICE_AUDIT);
	assert_int_equal(expectations[4].measures,
					 MEASURE_BIT(MEASURE_LOST) | MEASURE_BIT(MEASURE_DIFFERENT));

	assert_true(parse("kind = paths\n" HEAD, &error));
	assert_int_equal(scenario.kind, SCENARIO_PATHS);
}

static void
too_much(void **state)
{
	char text[SCENARIO_SIZE_MAX + 2];
	Error error;
	size_t len;

	(void) state;
	memset(text, ' ', sizeof(text));
	assert_false(scenario_parse(&scenario, "x", text, sizeof(text), &error));
	len = (size_t) snprintf(text, sizeof(text), HEAD);
	for (int i = 0; i <= SCENARIO_FAULTS_MAX; i++)
		len += (size_t) snprintf(text + len, sizeof(text) - len, "at %ds crash app until %d.5s\n",
								 i, i);
	assert_false(parse(text, &error));
	assert_non_null(strstr(error.message, "more than 16 faults"));
}

static bool
held(const char *term, const Measured *values, double *measured)
{
	char text[256];
	Error error;

	snprintf(text, sizeof(text), HEAD "expect outbox %s\n", term);
	assert_true(parse(text, &error));
	return expectation_held(&scenario.expectations[0], values, measured);
}

static void
verdicts(void **state)
{
	Measured values = {.offered = 3000};
	double measured;

	(void) state;
	values.values[MEASURE_ACCEPTED] = 2999;
	values.values[MEASURE_LOST] = 1;
	values.values[MEASURE_ORDER] = 2;
	values.values[MEASURE_P99] = 12.5;
	values.values[MEASURE_DRAIN] = -1;
	/* All but one are not all, however many there are. */
	assert_false(held("accepted = 100%", &values, &measured));
	assert_true(held("accepted >= 99.9%", &values, &measured));
	assert_true(held("accepted = 2999", &values, &measured));
	assert_true(held("lost + order >= 3", &values, &measured));
	assert_true(measured == 3);
	assert_false(held("lost < 1", &values, &measured));
	assert_true(held("lost <= 1", &values, &measured));
	assert_true(held("p99 <= 12.5ms", &values, &measured));
	assert_false(held("p99 > 13ms", &values, &measured));
	assert_false(held("drain < 1min", &values, &measured));
	assert_true(held("drain > 1min", &values, &measured));
	values.offered = 0;
	assert_false(held("accepted = 100%", &values, &measured));
	assert_false(held("duplicates <= 100%", &values, &measured));
	assert_false(held("lost + order <= 100%", &values, &measured));
}

/* The report has the name in it, which must be a text and whole. */
static void
names(void **state)
{
	static const char *const files[] = {".scenario", "a/b/", "\xff.scenario",
										"a-name-that-is-longer-than-forty-seven-bytes-is-no-name",
										"one\ntwo.scenario"};
	Error error;

	(void) state;
	for (size_t i = 0; i < LENGTH(files); i++)
	{
		error_clear(&error);
		assert_false(scenario_parse(&scenario, files[i], HEAD, strlen(HEAD), &error));
		assert_non_null(strstr(error.message, "can't have this name"));
		assert_int_equal(error.exit_code, EXIT_CONFIG);
	}
	assert_true(scenario_parse(&scenario, "a/\xc3\xa4.b.scenario", HEAD, strlen(HEAD), &error));
	assert_string_equal(scenario.name, "\xc3\xa4.b");
	/* The first and the last characters of their lengths, and those around the surrogates. */
	assert_true(scenario_parse(
		&scenario, "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", HEAD,
		strlen(HEAD), &error));
}

/* Each load and each fault without what belongs to it, and characters that are none. */
static void
cut_short(void **state)
{
	static const char *const lines[] = {
		"load =",
		"load = bursts",
		"load = bursts every",
		"load = bursts every 5s",
		"load = bursts every 5s for",
		"load = bursts every 5s for 1s",
		"load = bursts every 5s for 1s times",
		"load = bursts every 5s for 1s times 0",
		"load = bursts every 5 for 1s times 4",
		"load = bursts every 5s for 1 times 4",
		"load = bursts often 5s for 1s times 4",
		"load = bursts every 5s at 1s times 4",
		"load = rush-hour",
		"load = rush-hour peak",
		"load = rush-hour peak 1001",
		"load = ramp",
		"load = ramp from",
		"load = ramp from 10",
		"load = ramp from 10 to",
		"load = ramp from x to 200",
		"load = ramp from 10 to 5001",
		"load = constant 5",
		"rate =",
		"rate = 5 6",
		"kind = shop",
		"at",
		"at 30%",
		"at x% crash target until 70%",
		"at 101% crash target until 70%",
		"at 30% crash",
		"at 30% crash target",
		"at 30% crash target until",
		"at 30% crash target until x",
		"at 30% latency target",
		"at 30% latency target 300",
		"at 30% latency target 300ms jitter",
		"at 30% latency target 300ms jitter 301ms until 70%",
		"at 30% bandwidth target 0.5kB/s until 70%",
		"at 30% bandwidth target 1000001kB/s until 70%",
		"at 30% bandwidth target 64MB/s until 70%",
		"at 30% bandwidth target fast until 70%",
		"at 30% disk-full source until 70%",
		"at 30% away pricing until 70%",
		"kind = inventory\nat 30% away audit until 70%",
		"kind = inventory\nat 30% away nowhere until 70%",
		"at 30% reset a-place-with-a-name-of-more-than-forty-characters until 70%",
		"at 30% crash target until 70% again",
		"expect",
		"expect outbox",
		"expect outbox lost",
		"expect outbox lost =",
		"expect outbox lost = x",
		"expect outbox lost = 5ms",
		"expect outbox lost = 101%",
		"expect outbox lost + p50 = 5",
		"expect outbox p50 + lost = 5ms",
		"expect outbox lost + lost = 5",
		"expect outbox lost = 5,",
		"expect outbox lost ! 5",
		"expect a-path-with-a-name-of-more-than-forty-characters lost = 5",
		"expect outbox a-measure-with-a-name-of-more-than-forty-letters = 5",
		"a-word-that-has-more-than-forty-characters-in-it = 5",
		"title = \xe2\x82",
		"title = \xe2\x82z",
		"title = \xc3z",
		"title = \xf0\x9f\x98",
		"title = \xf5\x9f\x98\x80",
		"title = \xc1\x80",
		"title = \x80",
		"title = \x7f",
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(lines); i++)
	{
		char text[300];
		Error error;

		snprintf(text, sizeof(text), "%s%s\n", strncmp(lines[i], "title", 5) == 0 ? "" : HEAD,
				 lines[i]);
		if (parse(text, &error))
			fail_msg("%s was taken", lines[i]);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		if (strncmp(error.message, "some/dir/x.scenario:", 20) != 0)
			fail_msg("%s: %s", lines[i], error.message);
	}
}

/* Three and four bytes for a character; a column counts bytes. */
static void
characters_of_several_bytes(void **state)
{
	Error error;

	(void) state;
	assert_true(parse("title = \xe2\x82\xac \xf0\x9f\x98\x80\nduration\t= 20s\r\n", &error));
	assert_string_equal(scenario.title, "\xe2\x82\xac \xf0\x9f\x98\x80");
	assert_false(parse("title = \xe2\x82\xac\xc3\xa9 \x01\n", &error));
	assert_non_null(strstr(error.message, ":1:15: "));
}

/* As many expectations as there is room for, and one more. */
static void
too_many_expectations(void **state)
{
	static char text[SCENARIO_EXPECTATIONS_MAX * 40 + 200];
	Error error;

	(void) state;
	memcpy(text, HEAD, sizeof(HEAD));
	for (int i = 0; i < SCENARIO_EXPECTATIONS_MAX; i++)
		strncat(text, "expect outbox lost = 0\n", 30);
	assert_true(parse(text, &error));
	assert_int_equal(scenario.expectation_count, SCENARIO_EXPECTATIONS_MAX);
	strncat(text, "expect outbox lost = 0\n", 30);
	assert_false(parse(text, &error));
	memcpy(text, SHOP HEAD, sizeof(SHOP HEAD));
	for (int i = 0; i <= SCENARIO_EXPECTATIONS_MAX; i++)
		strncat(text, "expect outbox partial = 0\n", 30);
	assert_false(parse(text, &error));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_many_expectations),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(characters_of_several_bytes),
		cmocka_unit_test(everything),
		cmocka_unit_test(refused),
		cmocka_unit_test(faults_beside_each_other),
		cmocka_unit_test(services),
		cmocka_unit_test(too_much),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("scenario", tests, NULL, NULL);
}
