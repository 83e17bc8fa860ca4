/*
 * test_report_chart.c
 *	  Scales, lines, bands, states and faults of the report's charts.
 */
#include "unit.h"

#include <math.h>

#include "report_chart.h"

#define THIN "\u202f"

static Buffer out;
static const double seconds[] = {0, 1, 2, 3};

static int
begin(void **state)
{
	(void) state;
	buffer_init(&out, 1 << 20);
	return 0;
}

static int
end(void **state)
{
	(void) state;
	buffer_free(&out);
	return 0;
}

static ChartFrame
frame_of(ChartPoints points)
{
	return (ChartFrame){.t = seconds, .count = 4, .start = 0, .end = 4, .points = points};
}

static void
expect(const char *text)
{
	assert_string_equal(out.data, text);
	buffer_reset(&out);
}

/* -------------------------------------------------------------------------
 * scales
 * ------------------------------------------------------------------------- */

static void
ticks_are_round(void **state)
{
	static const struct
	{
		double max;
		ChartUnit unit;
		double step, high;
	} cases[] = {
		{9, UNIT_MS, 5, 10},		  {3, UNIT_MS, 1, 3.09},	  {6, UNIT_MS, 2, 6.18},
		{27, UNIT_MS, 10, 30},		  {0.3, UNIT_MS, 0.1, 0.309}, {0.3, UNIT_COUNT, 1, 1},
		{0, UNIT_SECONDS, 0.5, 1.03}, {NAN, UNIT_COUNT, 1, 1.03}, {-3, UNIT_COUNT, 1, 1.03}};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		ChartScale scale = chart_linear(cases[i].max, cases[i].unit);

		assert_true(fabs(scale.step - cases[i].step) < 1e-9);
		assert_true(fabs(scale.high - cases[i].high) < 1e-9);
		assert_true(scale.low == 0 && !scale.log);
	}
}

static void
decades(void **state)
{
	static const struct
	{
		double min, max, low, high, step;
	} cases[] = {{0.3, 70, 0.1, 100, 10}, {1, 1e7, 1, 1e7, 1000}, {0, 5, 1, 10, 10},
				 {NAN, NAN, 1, 10, 10},	  {5, 2, 1, 100, 10},	  {10, 10, 10, 100, 10}};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		ChartScale scale = chart_log(cases[i].min, cases[i].max, UNIT_MS);

		assert_true(fabs(scale.low - cases[i].low) < 1e-9 * cases[i].low);
		assert_true(fabs(scale.high - cases[i].high) < 1e-9 * cases[i].high);
		assert_true(fabs(scale.step - cases[i].step) < 1e-9 * cases[i].step);
		assert_true(scale.log);
	}
}

static void
largest_and_smallest(void **state)
{
	const double values[] = {NAN, -1, 0, 3, 2};

	(void) state;
	assert_true(chart_max(values, 5, 1) == 3);
	assert_true(chart_max(values, 5, 4) == 4);
	assert_true(chart_max(values, 1, 0) == 0);
	assert_true(chart_min_positive(values, 5, NAN) == 2);
	assert_true(chart_min_positive(values, 5, 1) == 1);
	assert_true(isnan(chart_min_positive(values, 3, NAN)));
}

/* -------------------------------------------------------------------------
 * plots
 * ------------------------------------------------------------------------- */

static void
a_line_has_gaps(void **state)
{
	const double values[] = {1, NAN, 2, 3};
	const double last[] = {NAN, NAN, NAN, 4};
	ChartScale scale = {.low = 0, .high = 4, .step = 1};
	ChartFrame frame = frame_of(POINTS_OF_MOMENTS);

	(void) state;
	chart_line(&out, &frame, &scale, values, "c");
	/* One between gaps is a dot. */
	expect("<path class=\"line c\" d=\"M0.0 75.0H0.0M500.0 50.0L750.0 25.0\"/>");
	chart_line(&out, &frame, &scale, last, "c");
	expect("<path class=\"line c\" d=\"M750.0 0.0H750.0\"/>");
	frame.points = POINTS_OF_SECONDS;
	chart_line(&out, &frame, &scale, values, "c");
	expect("<path class=\"line c\" d=\"M125.0 75.0H125.0M625.0 50.0L875.0 25.0\"/>");
	frame.points = STEPS_OF_SECONDS;
	chart_line(&out, &frame, &scale, values, "c");
	expect("<path class=\"line c\" d=\"M0.0 75.0H250.0M500.0 50.0H750.0L750.0 25.0H1000.0\"/>");
}

static void
what_is_outside_is_at_the_edge(void **state)
{
	const double values[] = {-1, 9, 1, 10};
	ChartScale linear = {.low = 0, .high = 4, .step = 1};
	ChartScale logarithmic = {.low = 1, .high = 100, .step = 10, .log = true};
	ChartFrame frame = frame_of(POINTS_OF_MOMENTS);

	(void) state;
	chart_line(&out, &frame, &linear, values, "c");
	expect("<path class=\"line c\" d=\"M0.0 100.0L250.0 0.0L500.0 75.0L750.0 0.0\"/>");
	chart_line(&out, &frame, &logarithmic, values, "c");
	expect("<path class=\"line c\" d=\"M0.0 100.0L250.0 52.3L500.0 100.0L750.0 50.0\"/>");
}

static void
a_band_between_two_series(void **state)
{
	const double from[] = {0, 1, NAN, 1};
	const double to[] = {2, 2, 2, NAN};
	ChartScale scale = {.low = 0, .high = 4, .step = 1};
	ChartFrame frame = frame_of(POINTS_OF_MOMENTS);

	(void) state;
	chart_band(&out, &frame, &scale, from, to, "c");
	expect("<path class=\"band c\" d=\"M0.0 50.0H0.0L250.0 50.0H250.0L250.0 75.0H250.0L0.0 "
		   "100.0H0.0Z\"/>");
	/* Down to the bottom. */
	chart_band(&out, &frame, &scale, NULL, to, "c");
	expect(
		"<path class=\"band c\" d=\"M0.0 50.0H0.0L250.0 50.0H250.0L500.0 50.0H500.0V100H0.0Z\"/>");
}

static void
ticks_have_words(void **state)
{
	static const struct
	{
		ChartScale scale;
		const char *last;
	} cases[] = {
		{{.high = 20, .step = 10, .unit = UNIT_COUNT}, ">20<"},
		{{.high = 20, .step = 10, .unit = UNIT_SECONDS}, ">20" THIN "s<"},
		{{.high = 20, .step = 10, .unit = UNIT_MS}, ">20" THIN "ms<"},
		{{.high = 2000, .step = 1000, .unit = UNIT_MS}, ">2" THIN "s<"},
		{{.high = 2000, .step = 1000, .unit = UNIT_BYTES}, ">2.0" THIN "kB<"},
		{{.low = 1, .high = 100, .step = 10, .log = true, .unit = UNIT_MS}, ">100" THIN "ms<"},
	};
	ChartFrame frame = frame_of(POINTS_OF_MOMENTS);

	(void) state;
	frame.faults[0] = (ChartFault){1, 1, "f"};
	frame.fault_count = 1;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		chart_begin(&out, &frame, &cases[i].scale, "<l>", "c", "a \"plot\"");
		chart_end(&out);
		assert_non_null(strstr(out.data, cases[i].last));
		assert_non_null(strstr(out.data, "<span class=\"c\">&lt;l&gt;</span>"));
		assert_non_null(strstr(out.data, "aria-label=\"a &quot;plot&quot;\""));
		/* A fault of a moment can be seen. */
		assert_non_null(strstr(out.data, "<rect class=\"fault\" x=\"250.0\" width=\"2.0\""));
		assert_true(cases[i].scale.log == (strstr(out.data, ">0<") == NULL));
		buffer_reset(&out);
	}
}

/* -------------------------------------------------------------------------
 * words
 * ------------------------------------------------------------------------- */

static const char *
state_at(size_t index, const char **word, void *arg)
{
	const char *const *classes = arg;

	*word = classes[index] != NULL ? "word" : NULL;
	return classes[index];
}

static void
stretches_of_one_state(void **state)
{
	static const char *const classes[] = {"up", "up", NULL, "down"};
	static const char *const changed[] = {NULL, "up", "down", "down"};
	ChartFrame frame = frame_of(STEPS_OF_SECONDS);

	(void) state;
	chart_states(&out, &frame, "l", state_at, (void *) classes);
	expect("<div class=\"row\"><div class=\"label\"><span class=\"plain\">l</span></div><div "
		   "class=\"plot\"><div class=\"states\"><b class=\"up\" style=\"left:0.00%;width:50.00%\" "
		   "title=\"word\">word</b><b class=\"down\" style=\"left:75.00%;width:25.00%\" "
		   "title=\"word\">word</b></div></div></div>\n");
	chart_states(&out, &frame, "l", state_at, (void *) changed);
	assert_non_null(strstr(out.data, "<b class=\"up\" style=\"left:25.00%;width:25.00%\""));
	assert_non_null(strstr(out.data, "<b class=\"down\" style=\"left:50.00%;width:50.00%\""));
}

static void
faults_that_touch_have_lines_of_their_own(void **state)
{
	ChartFrame frame = frame_of(POINTS_OF_MOMENTS);

	(void) state;
	chart_faults(&out, &frame);
	expect("");
	frame.faults[0] = (ChartFault){0, 2, "a<b"};
	frame.faults[1] = (ChartFault){1, 1, "c"};
	frame.faults[2] = (ChartFault){3, 4, "d"};
	frame.fault_count = 3;
	chart_faults(&out, &frame);
	assert_non_null(strstr(out.data, "style=\"height:3.00rem\""));
	assert_non_null(
		strstr(out.data, "<b style=\"left:0.00%;width:50.00%;top:0.00rem\"><span>a&lt;b</span></b>"
						 "<b style=\"left:25.00%;width:0.30%;top:1.50rem\"><span>c</span></b>"
						 "<b style=\"left:75.00%;width:25.00%;top:0.00rem\"><span>d</span></b>"));
}

static void
seconds_below(void **state)
{
	ChartFrame frame = frame_of(POINTS_OF_MOMENTS);

	(void) state;
	chart_seconds(&out, &frame);
	assert_non_null(strstr(out.data, "<i style=\"left:0.00%\">0" THIN "s</i>"));
	assert_non_null(strstr(out.data, "<i class=\"last\" style=\"left:100.00%\">4" THIN "s</i>"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_are_round),
		cmocka_unit_test(decades),
		cmocka_unit_test(largest_and_smallest),
		cmocka_unit_test_setup_teardown(a_line_has_gaps, begin, end),
		cmocka_unit_test_setup_teardown(what_is_outside_is_at_the_edge, begin, end),
		cmocka_unit_test_setup_teardown(a_band_between_two_series, begin, end),
		cmocka_unit_test_setup_teardown(ticks_have_words, begin, end),
		cmocka_unit_test_setup_teardown(stretches_of_one_state, begin, end),
		cmocka_unit_test_setup_teardown(faults_that_touch_have_lines_of_their_own, begin, end),
		cmocka_unit_test_setup_teardown(seconds_below, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
