/*
 * test_metrics.c
 *	  The text format, escapes, and histograms.
 */
#include "unit.h"

#include <math.h>

#include "metrics.h"

static void
expect(Buffer *out, const char *text)
{
	assert_false(out->failed);
	assert_string_equal(out->data, text);
	buffer_reset(out);
}

static void
writes_families_and_samples(void **state)
{
	Buffer out;

	(void) state;
	buffer_init(&out, 10000);
	metrics_family(&out, "x_total", "counter", "Things; a \\ and a\nnew line, \"quoted\".");
	expect(&out, "# HELP x_total Things; a \\\\ and a\\nnew line, \"quoted\".\n"
				 "# TYPE x_total counter\n");
	metrics_uint(&out, "x_total", "", UINT64_MAX);
	expect(&out, "x_total 18446744073709551615\n");
	metrics_uint(&out, "x_total", "a=\"b\"", 0);
	expect(&out, "x_total{a=\"b\"} 0\n");
	buffer_free(&out);
}

typedef struct DoubleCase
{
	double value;
	const char *text;
} DoubleCase;

static void
writes_doubles(void **state)
{
	static const DoubleCase cases[] = {
		{0, "x 0\n"},			{1, "x 1\n"},
		{-1.5, "x -1.5\n"},		{0.1, "x 0.1\n"},
		{0.005, "x 0.005\n"},	{1.0 / 3, "x 0.3333333333333333\n"},
		{1e300, "x 1e+300\n"},	{123456789012345, "x 123456789012345\n"},
		{INFINITY, "x +Inf\n"}, {-INFINITY, "x -Inf\n"},
		{NAN, "x NaN\n"},
	};
	Buffer out;

	(void) state;
	buffer_init(&out, 10000);
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		metrics_double(&out, "x", "", cases[i].value);
		expect(&out, cases[i].text);
	}
	buffer_free(&out);
}

static void
escapes_labels(void **state)
{
	Buffer labels;
	Buffer out;

	(void) state;
	buffer_init(&labels, 1000);
	buffer_init(&out, 1000);
	metrics_label(&labels, "peer", "kafka");
	metrics_label(&labels, "topic", "a\"b\\c\nd\xFF");
	metrics_label(&labels, "empty", "");
	metrics_uint(&out, "x", labels.data, 1);
	expect(&out, "x{peer=\"kafka\",topic=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\",empty=\"\"} 1\n");
	buffer_free(&labels);
	buffer_free(&out);
}

static const double bounds[] = {0.005, 0.1, 1};

static void
histograms_accumulate(void **state)
{
	Histogram histogram;
	Buffer out;

	(void) state;
	buffer_init(&out, 10000);
	histogram_init(&histogram, bounds, LENGTH(bounds));
	histogram_observe(&histogram, 0.005); /* a bound belongs to its bucket */
	histogram_observe(&histogram, 0.0625);
	histogram_observe(&histogram, 0.0625);
	histogram_observe(&histogram, 1);
	histogram_observe(&histogram, 1.5);
	histogram_observe(&histogram, NAN); /* not counted */
	metrics_histogram(&out, "x_seconds", "", &histogram);
	expect(&out, "x_seconds_bucket{le=\"0.005\"} 1\n"
				 "x_seconds_bucket{le=\"0.1\"} 3\n"
				 "x_seconds_bucket{le=\"1\"} 4\n"
				 "x_seconds_bucket{le=\"+Inf\"} 5\n"
				 "x_seconds_sum 2.63\n"
				 "x_seconds_count 5\n");
	metrics_histogram(&out, "x_seconds", "p=\"q\"", &histogram);
	assert_non_null(strstr(out.data, "x_seconds_bucket{p=\"q\",le=\"0.1\"} 3\n"));
	assert_non_null(strstr(out.data, "x_seconds_count{p=\"q\"} 5\n"));
	buffer_free(&out);
}

static void
quantiles_are_upper_bounds(void **state)
{
	Histogram histogram;

	(void) state;
	histogram_init(&histogram, bounds, LENGTH(bounds));
	assert_true(histogram_quantile(&histogram, 0.5) == 0);
	for (int i = 0; i < 90; i++)
		histogram_observe(&histogram, 0.001);
	for (int i = 0; i < 9; i++)
		histogram_observe(&histogram, 0.05);
	histogram_observe(&histogram, 7);
	assert_true(histogram_quantile(&histogram, 0) == 0.005);
	assert_true(histogram_quantile(&histogram, 0.5) == 0.005);
	assert_true(histogram_quantile(&histogram, 0.9) == 0.005);
	assert_true(histogram_quantile(&histogram, 0.91) == 0.1);
	assert_true(histogram_quantile(&histogram, 0.99) == 0.1);
	assert_true(isinf(histogram_quantile(&histogram, 0.999)));
	assert_true(isinf(histogram_quantile(&histogram, 1)));
}

static void
many_are_as_each_of_them(void **state)
{
	static const double steps[] = {0.5, 2};
	Histogram one_by_one;
	Histogram at_once;

	(void) state;
	histogram_init(&one_by_one, steps, LENGTH(steps));
	histogram_init(&at_once, steps, LENGTH(steps));
	for (int i = 0; i < 1000; i++)
	{
		histogram_observe(&one_by_one, 0.25);
		histogram_observe(&one_by_one, 2);
		histogram_observe(&one_by_one, 16);
	}
	histogram_observe_many(&at_once, 0.25, 1000);
	histogram_observe_many(&at_once, 2, 999);
	histogram_observe_many(&at_once, 2, 1);
	histogram_observe_many(&at_once, 16, 1000);
	histogram_observe_many(&at_once, 16, 0);
	histogram_observe_many(&at_once, NAN, 7);
	assert_memory_equal(at_once.counts, one_by_one.counts, sizeof(at_once.counts));
	assert_int_equal(at_once.count, 3000);
	assert_true(at_once.sum == one_by_one.sum);
}

static void
the_largest_histogram(void **state)
{
	double many[HISTOGRAM_MAX_BUCKETS];
	Histogram histogram;

	(void) state;
	for (int i = 0; i < HISTOGRAM_MAX_BUCKETS; i++)
		many[i] = i;
	histogram_init(&histogram, many, HISTOGRAM_MAX_BUCKETS);
	for (int i = 0; i <= HISTOGRAM_MAX_BUCKETS; i++)
		histogram_observe(&histogram, i);
	for (int i = 0; i <= HISTOGRAM_MAX_BUCKETS; i++)
		assert_int_equal(histogram.counts[i], 1);

	histogram_init(&histogram, NULL, 0);
	histogram_observe(&histogram, 1);
	assert_int_equal(histogram.counts[0], 1);
	assert_true(isinf(histogram_quantile(&histogram, 0.5)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_families_and_samples),
		cmocka_unit_test(writes_doubles),
		cmocka_unit_test(escapes_labels),
		cmocka_unit_test(histograms_accumulate),
		cmocka_unit_test(quantiles_are_upper_bounds),
		cmocka_unit_test(many_are_as_each_of_them),
		cmocka_unit_test(the_largest_histogram),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
