/*
 * test_report_words.c
 *	  Numbers as the report has them, and text that stays text.
 */
#include "unit.h"

#include <math.h>

#include "report_words.h"

#define THIN "\u202f"
#define NOTHING "\u2013"

typedef const char *(*Word)(double number, char *text);

typedef struct Said
{
	Word word;
	double number;
	const char *text;
} Said;

static void
numbers(void **state)
{
	static const Said said[] = {
		{word_count, 0, "0"},
		{word_count, 9999, "9999"},
		{word_count, 10000, "10" THIN "000"},
		{word_count, 1234567, "1" THIN "234" THIN "567"},
		{word_count, -12345, "-12" THIN "345"},
		{word_count, NAN, NOTHING},
		{word_percent, 100, "100" THIN "%"},
		{word_percent, 99.99, "99.9" THIN "%"},
		{word_percent, 0.01, "<" THIN "0.1" THIN "%"},
		{word_percent, 0, "0" THIN "%"},
		{word_percent, 57.1, "57.1" THIN "%"},
		{word_percent, 104.25, "104.2" THIN "%"},
		{word_percent, NAN, NOTHING},
		{word_ms, 0, "0.0" THIN "ms"},
		{word_ms, 0.04, "0.04" THIN "ms"},
		{word_ms, 0.996, "1.0" THIN "ms"},
		{word_ms, 99.94, "99.9" THIN "ms"},
		{word_ms, 99.96, "100" THIN "ms"},
		{word_ms, 9999, "9999" THIN "ms"},
		{word_ms, 12345, "12.3" THIN "s"},
		{word_ms, NAN, NOTHING},
		{word_seconds, 18, "18" THIN "s"},
		{word_seconds, 0.41, "0.4" THIN "s"},
		{word_seconds, NAN, NOTHING},
		{word_bytes, 512, "512" THIN "B"},
		{word_bytes, 999.6, "1.0" THIN "kB"},
		{word_bytes, 1400000, "1.4" THIN "MB"},
		{word_bytes, NAN, NOTHING},
		{word_count, 1e16, "10000000000000000"},
		{word_count, -123456, "-123" THIN "456"},
		{word_seconds, 99.96, "100" THIN "s"},
		{word_seconds, 99.94, "99.9" THIN "s"},
		{word_bytes, 123456, "123" THIN "kB"},
		{word_bytes, 5e18, "5000000" THIN "TB"},
		{word_plain, 0.1, "0.1"},
		{word_plain, 12345678, "12345678"},
		{word_plain, NAN, ""},
	};
	char text[WORD_SIZE];

	(void) state;
	for (size_t i = 0; i < LENGTH(said); i++)
		assert_string_equal(said[i].word(said[i].number, text), said[i].text);
}

static void
text_stays_text(void **state)
{
	Buffer out;

	(void) state;
	buffer_init(&out, 1024);
	html_cell(&out, "<b onclick=\"a('&')\">");
	assert_string_equal(out.data, "<td>&lt;b onclick=&quot;a(&#39;&amp;&#39;)&quot;&gt;</td>");
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(numbers),
									   cmocka_unit_test(text_stays_text)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
