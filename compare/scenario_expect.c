/*
 * scenario_expect.c
 *	  Expectations: how they are written, and whether they held.  Pure.
 */
#include <string.h>

#include "clock.h"
#include "scenario_words.h"

static const char *const measure_names[MEASURE_COUNT] = {
	[MEASURE_ACCEPTED] = "accepted",
	[MEASURE_DURABLE] = "durable",
	[MEASURE_VISIBLE] = "visible",
	[MEASURE_REJECTED] = "rejected",
	[MEASURE_UNKNOWN] = "unknown",
	[MEASURE_LOST] = "lost",
	[MEASURE_DUPLICATES] = "duplicates",
	[MEASURE_ORDER] = "order",
	[MEASURE_INVENTED] = "invented",
	[MEASURE_PENDING] = "pending",
	[MEASURE_MISSING] = "missing",
	[MEASURE_P50] = "p50",
	[MEASURE_P99] = "p99",
	[MEASURE_DRAIN] = "drain",
	[MEASURE_RECOVERY] = "recovery",
	[MEASURE_PARTIAL] = "partial",
	[MEASURE_DIFFERENT] = "different",
	[MEASURE_LAG] = "lag",
};

static bool
is_time(unsigned measures)
{
	return (measures &
			(MEASURE_BIT(MEASURE_P50) | MEASURE_BIT(MEASURE_P99) | MEASURE_BIT(MEASURE_DRAIN) |
			 MEASURE_BIT(MEASURE_RECOVERY) | MEASURE_BIT(MEASURE_LAG))) != 0;
}

/* Whether a scenario of this kind has it. */
static bool
measured_in(ScenarioKind kind, int measure)
{
	return kind == SCENARIO_INVENTORY ? measure != MEASURE_RECOVERY : measure < MEASURE_PARTIAL;
}

static bool
take_measure(Words *words, ScenarioKind kind, unsigned *measures)
{
	Word word = words_next(words);

	for (int i = 0; i < MEASURE_COUNT; i++)
	{
		if (!measured_in(kind, i) || !word_is(&word, measure_names[i]))
			continue;
		if ((*measures & MEASURE_BIT(i)) != 0)
			return words_fail(words, &word, "\"%s\" is given twice", measure_names[i]);
		if (*measures != 0 && (is_time(*measures) || is_time(MEASURE_BIT(i))))
			return words_fail(words, &word, "times cannot be added");
		*measures |= MEASURE_BIT(i);
		return true;
	}
	return words_fail_hint(
		words, &word,
		kind == SCENARIO_INVENTORY
			? "Measures are accepted, durable, visible, rejected, unknown, lost, "
			  "duplicates, order, invented, pending, missing, partial, "
			  "different, p50, p99, drain and lag."
			: "Measures are accepted, durable, visible, rejected, unknown, lost, "
			  "duplicates, order, invented, pending, missing, p50, p99, "
			  "drain and recovery.",
		"unknown measure \"%.*s\"", (int) (word.len < 40 ? word.len : 40), word.text);
}

static bool
take_comparison(Words *words, Comparison *comparison)
{
	static const char *const signs[] = {"=", "<", "<=", ">", ">="};
	Word word = words_next(words);

	for (int i = 0; i < (int) (sizeof(signs) / sizeof(signs[0])); i++)
	{
		if (word_is(&word, signs[i]))
		{
			*comparison = (Comparison) i;
			return true;
		}
	}
	return words_fail_hint(words, &word, "Comparisons are = < <= > and >=.",
						   "a comparison is missing");
}

static bool
take_value(Words *words, Expectation *expectation)
{
	Word word = words_peek(words);
	Word unit;
	int64_t usec;

	if (is_time(expectation->measures))
	{
		if (!words_duration(words, 0, 24 * 3600 * USEC_PER_SEC, &usec, &word))
			return false;
		expectation->unit = UNIT_MS;
		expectation->value = (double) usec / USEC_PER_MS;
		return true;
	}
	if (word_number(&word, &expectation->value, &unit) && word_is(&unit, "%"))
	{
		expectation->unit = UNIT_PERCENT;
		return words_percent(words, &expectation->value, &word);
	}
	expectation->unit = UNIT_COUNT;
	return words_number(words, 0, 1e9, &expectation->value, &word);
}

/* A single one of these is never more than what was offered. */
static bool
has_most(unsigned measures)
{
	const unsigned more = MEASURE_BIT(MEASURE_DUPLICATES) | MEASURE_BIT(MEASURE_ORDER) |
						  MEASURE_BIT(MEASURE_INVENTED) | MEASURE_BIT(MEASURE_DIFFERENT);

	return (measures & (measures - 1)) == 0 && (measures & more) == 0;
}

/* What holds whatever happens, and what never can, was meant otherwise. */
static bool
check_sense(Words *words, const Word *here, const Expectation *expectation)
{
	bool least = expectation->value == 0;
	bool most = expectation->unit == UNIT_PERCENT && expectation->value == 100 &&
				has_most(expectation->measures);

	if ((least && expectation->comparison == COMPARISON_GREATER_OR_EQUAL) ||
		(most && expectation->comparison == COMPARISON_LESS_OR_EQUAL))
		return words_fail(words, here, "\"%s\" holds whatever happens", expectation->text);
	if ((least && expectation->comparison == COMPARISON_LESS) ||
		(most && expectation->comparison == COMPARISON_GREATER))
		return words_fail(words, here, "\"%s\" can never hold", expectation->text);
	return true;
}

/* "lost + order >= 1" */
static bool
take_term(Words *words, ScenarioKind kind, Expectation *expectation)
{
	Word text = words_rest_of_line(words);
	const Word here = words_peek(words);

	memset(expectation, 0, sizeof(*expectation));
	do
	{
		if (!take_measure(words, kind, &expectation->measures))
			return false;
	} while (words_accept(words, "+"));
	if (!take_comparison(words, &expectation->comparison) || !take_value(words, expectation))
		return false;
	text.len = (size_t) (words->before - text.text);
	word_normalize(&text, expectation->text, sizeof(expectation->text));
	return check_sense(words, &here, expectation);
}

static bool
take_paths(Words *words, bool *paths)
{
	Word word = words_peek(words);
	int count = 0;
	Mode mode;

	while (mode_parse(word.text, word.len, &mode))
	{
		if (paths[mode])
			return words_fail(words, &word, "\"%s\" is given twice", mode_name(mode));
		paths[mode] = true;
		count++;
		words_next(words);
		word = words_peek(words);
	}
	return count > 0 || words_fail_hint(words, &word, "An expectation begins with a path's name.",
										"unknown path \"%.*s\"",
										(int) (word.len < 40 ? word.len : 40), word.text);
}

/* "outbox inventory pricing": a path, and services of it; none: all together. */
static bool
take_services(Words *words, ShopPath *path, unsigned *services)
{
	Word word = words_next(words);
	Service service;

	*services = 0;
	if (!shop_path_parse(word.text, word.len, path))
		return words_fail_hint(words, &word, "An expectation begins with sync or outbox.",
							   "unknown path \"%.*s\"", (int) (word.len < 40 ? word.len : 40),
							   word.text);
	for (word = words_peek(words); service_parse(word.text, word.len, &service);
		 word = words_peek(words))
	{
		if ((*services & SERVICE_BIT(service)) != 0)
			return words_fail(words, &word, "\"%s\" is given twice", service_name(service));
		if (service == SERVICE_AUDIT && *path != SHOP_OUTBOX)
			return words_fail(words, &word, "only outbox has a topic that audit could read");
		*services |= SERVICE_BIT(service);
		words_next(words);
	}
	if (*services == 0)
		*services = SERVICE_BIT(SERVICE_COUNT);
	return true;
}

static bool
add_expectation(Words *words, Scenario *scenario, const Word *here, const Expectation *expectation)
{
	if (scenario->expectation_count == SCENARIO_EXPECTATIONS_MAX)
		return words_fail(words, here, "more than %d expectations", SCENARIO_EXPECTATIONS_MAX);
	scenario->expectations[scenario->expectation_count++] = *expectation;
	return true;
}

static bool
take_paths_terms(Words *words, Scenario *scenario)
{
	bool paths[MODE_COUNT] = {false};

	if (!take_paths(words, paths))
		return false;
	do
	{
		Word here = words_peek(words);
		Expectation term;

		if (!take_term(words, scenario->kind, &term))
			return false;
		for (int mode = 0; mode < MODE_COUNT; mode++)
		{
			term.mode = (Mode) mode;
			if (paths[mode] && !add_expectation(words, scenario, &here, &term))
				return false;
		}
	} while (words_accept(words, ","));
	return true;
}

static bool
take_services_terms(Words *words, Scenario *scenario)
{
	ShopPath path;
	unsigned services;

	if (!take_services(words, &path, &services))
		return false;
	do
	{
		Word here = words_peek(words);
		Expectation term;

		if (!take_term(words, scenario->kind, &term))
			return false;
		term.path = path;
		for (int service = 0; service <= SERVICE_COUNT; service++)
		{
			term.service = (Service) service;
			if ((services & SERVICE_BIT(service)) != 0 &&
				!add_expectation(words, scenario, &here, &term))
				return false;
		}
	} while (words_accept(words, ","));
	return true;
}

bool
expectations_take(Words *words, Scenario *scenario)
{
	return scenario->kind == SCENARIO_INVENTORY ? take_services_terms(words, scenario)
												: take_paths_terms(words, scenario);
}

/* -------------------------------------------------------------------------
 * the verdict
 * ------------------------------------------------------------------------- */

static bool
compare(Comparison comparison, double measured, double value)
{
	switch (comparison)
	{
		case COMPARISON_EQUAL:
			return measured == value;
		case COMPARISON_LESS:
			return measured < value;
		case COMPARISON_LESS_OR_EQUAL:
			return measured <= value;
		case COMPARISON_GREATER:
			return measured > value;
		case COMPARISON_GREATER_OR_EQUAL:
			return measured >= value;
	}
	return false;
}

bool
expectation_held(const Expectation *expectation, const Measured *values, double *measured)
{
	double sum = 0;

	for (int i = 0; i < MEASURE_COUNT; i++)
	{
		if ((expectation->measures & MEASURE_BIT(i)) != 0)
			sum += values->values[i];
	}
	*measured = sum;
	/* A time that never came to an end is longer than any. */
	if (expectation->unit == UNIT_MS && sum < 0)
		return expectation->comparison == COMPARISON_GREATER ||
			   expectation->comparison == COMPARISON_GREATER_OR_EQUAL;
	if (expectation->unit == UNIT_PERCENT)
	{
		/* Of nothing there is no share. */
		*measured = values->offered > 0 ? 100 * sum / values->offered : -1;
		if (values->offered <= 0)
			return false;
		/* Counted, so that 100% is all of them and no rounding decides. */
		return compare(expectation->comparison, 100 * sum, expectation->value * values->offered);
	}
	return compare(expectation->comparison, sum, expectation->value);
}
