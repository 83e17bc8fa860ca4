/*
 * scenario.c
 *	  The parser: line by line, word by word.  Nothing is guessed; what is given
 *	  twice, unknown, out of range or never is refused.
 */
#include "scenario.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "exit_codes.h"
#include "scenario_words.h"

#define DEFAULT_RATE 50
#define DURATION_MIN_USEC USEC_PER_SEC
#define DURATION_MAX_USEC (24 * 3600 * USEC_PER_SEC)
#define RATE_MAX 5000
#define REQUESTS_MAX 10000000
#define TEXT_OF_(number) #number
#define TEXT_OF(number) TEXT_OF_(number)

/* A time in the run, which may be a share of a duration that isn't known yet. */
typedef struct Moment
{
	bool share;
	double value; /* 0 .. 1, or microseconds */
	Word word;
} Moment;

typedef struct Parser
{
	Words words;
	Scenario *scenario;
	Moment from[SCENARIO_FAULTS_MAX];
	Moment until[SCENARIO_FAULTS_MAX];
	Word shape; /* where the load is described */
	bool has_kind;
	bool has_title;
	bool has_about;
	bool has_duration;
	bool has_rate;
	bool has_load;
} Parser;

/* -------------------------------------------------------------------------
 * settings
 * ------------------------------------------------------------------------- */

static bool
take_text(Parser *parser, const Word *key, bool *seen, char *text, size_t size)
{
	Word rest = words_rest(&parser->words);

	if (*seen)
		return words_fail(&parser->words, key, "\"%.*s\" is given twice", (int) key->len,
						  key->text);
	*seen = true;
	if (rest.len == 0)
		return words_fail(&parser->words, &rest, "\"%.*s\" is empty", (int) key->len, key->text);
	if (rest.len >= size)
		return words_fail(&parser->words, &rest, "\"%.*s\" is longer than %zu characters",
						  (int) key->len, key->text, size - 1);
	memcpy(text, rest.text, rest.len);
	text[rest.len] = '\0';
	return true;
}

static bool
once(Parser *parser, const Word *key, bool *seen)
{
	if (*seen)
		return words_fail(&parser->words, key, "\"%.*s\" is given twice", (int) key->len,
						  key->text);
	*seen = true;
	return true;
}

static bool
take_scenario_kind(Parser *parser, const Word *key)
{
	Scenario *scenario = parser->scenario;
	Word word = words_next(&parser->words);

	if (!once(parser, key, &parser->has_kind))
		return false;
	if (scenario->fault_count > 0 || scenario->expectation_count > 0)
		return words_fail(&parser->words, key,
						  "\"kind\" must stand before the first \"at\" and \"expect\"");
	if (word_is(&word, "inventory"))
		scenario->kind = SCENARIO_INVENTORY;
	else if (!word_is(&word, "paths"))
		return words_fail_hint(&parser->words, &word, "It is paths or inventory.",
							   "unknown kind \"%.*s\"", (int) (word.len < 40 ? word.len : 40),
							   word.text);
	return true;
}

static bool
take_duration(Parser *parser, const Word *key)
{
	Word word;

	return once(parser, key, &parser->has_duration) &&
		   words_duration(&parser->words, DURATION_MIN_USEC, DURATION_MAX_USEC,
						  &parser->scenario->duration_usec, &word);
}

static bool
take_rate(Parser *parser, const Word *key)
{
	double rate;
	Word word;

	if (!once(parser, key, &parser->has_rate) ||
		!words_number(&parser->words, 1, RATE_MAX, &rate, &word))
		return false;
	if (rate != floor(rate))
		return words_fail(&parser->words, &word, "a rate is a whole number");
	parser->scenario->rate = (uint32_t) rate;
	return true;
}

static bool
take_bursts(Parser *parser, LoadShape *shape)
{
	Word word;

	shape->form = LOAD_BURSTS;
	if (!words_expect(&parser->words, "every") ||
		!words_duration(&parser->words, 100 * USEC_PER_MS, DURATION_MAX_USEC, &shape->period_usec,
						&word) ||
		!words_expect(&parser->words, "for") ||
		!words_duration(&parser->words, 10 * USEC_PER_MS, DURATION_MAX_USEC, &shape->width_usec,
						&word))
		return false;
	if (shape->width_usec >= shape->period_usec)
		return words_fail(&parser->words, &word, "a burst must be shorter than its period");
	return words_expect(&parser->words, "times") &&
		   words_number(&parser->words, 1, 1000, &shape->factor, &word);
}

static bool
take_load(Parser *parser, const Word *key)
{
	Words *words = &parser->words;
	LoadShape *shape = &parser->scenario->shape;
	Word rest = words_rest_of_line(words);
	Word word = words_next(words);
	Word number;
	bool done;

	if (!once(parser, key, &parser->has_load))
		return false;
	parser->shape = word;
	if (word_is(&word, "constant"))
		done = true;
	else if (word_is(&word, "bursts"))
		done = take_bursts(parser, shape);
	else if (word_is(&word, "rush-hour"))
	{
		shape->form = LOAD_RUSH_HOUR;
		done = words_expect(words, "peak") && words_number(words, 1, 1000, &shape->factor, &number);
	}
	else if (word_is(&word, "ramp"))
	{
		shape->form = LOAD_RAMP;
		done = words_expect(words, "from") &&
			   words_number(words, 1, RATE_MAX, &shape->from, &number) &&
			   words_expect(words, "to") && words_number(words, 1, RATE_MAX, &shape->to, &number);
	}
	else
		return words_fail_hint(words, &word,
							   "It is constant, bursts every 5s for 1s times 4, rush-hour peak 3, "
							   "or ramp from 10 to 200.",
							   "unknown load \"%.*s\"", (int) word.len, word.text);
	if (done)
		word_normalize(&rest, parser->scenario->load, sizeof(parser->scenario->load));
	return done;
}

/* -------------------------------------------------------------------------
 * at 30% crash target until 70%
 * ------------------------------------------------------------------------- */

static bool
take_moment(Parser *parser, Moment *moment)
{
	Words *words = &parser->words;
	Word ahead = words_peek(words);
	int64_t usec;

	if (ahead.len > 0 && ahead.text[ahead.len - 1] == '%')
	{
		moment->share = true;
		if (!words_percent(words, &moment->value, &moment->word))
			return false;
		moment->value /= 100;
		return true;
	}
	moment->share = false;
	if (!words_duration(words, 0, DURATION_MAX_USEC, &usec, &moment->word))
		return false;
	moment->value = (double) usec;
	return true;
}

static bool
take_fault(Parser *parser, const Word *key)
{
	Words *words = &parser->words;
	Scenario *scenario = parser->scenario;
	int n = scenario->fault_count;
	FaultPlan *plan = &scenario->faults[n];

	if (n == SCENARIO_FAULTS_MAX)
		return words_fail(words, key, "more than %d faults", SCENARIO_FAULTS_MAX);
	*plan = (FaultPlan){.line = words->line};
	if (!take_moment(parser, &parser->from[n]))
		return false;
	if (!fault_take(words, scenario->kind, plan) || !words_expect(words, "until") ||
		!take_moment(parser, &parser->until[n]))
		return false;
	scenario->fault_count++;
	return true;
}

/* Two faults that would undo each other. */
static bool
clash(const FaultPlan *one, const FaultPlan *other)
{
	bool same;

	if (one->links != 0 || other->links != 0)
		same = (one->links & other->links) != 0 && one->kind == other->kind;
	else if (one->kind == FAULT_AWAY || other->kind == FAULT_AWAY)
		same = one->service == other->service;
	else
		same = one->part == other->part;
	return same && one->from_usec < other->until_usec && other->from_usec < one->until_usec;
}

static int64_t
moment_usec(const Moment *moment, int64_t duration_usec)
{
	return (int64_t) (moment->share ? moment->value * (double) duration_usec : moment->value);
}

static bool
resolve_faults(Parser *parser)
{
	Scenario *scenario = parser->scenario;

	for (int i = 0; i < scenario->fault_count; i++)
	{
		FaultPlan *plan = &scenario->faults[i];
		const Word *until = &parser->until[i].word;

		plan->from_usec = moment_usec(&parser->from[i], scenario->duration_usec);
		plan->until_usec = moment_usec(&parser->until[i], scenario->duration_usec);
		if (plan->until_usec <= plan->from_usec)
			return words_fail(&parser->words, until, "the fault ends before it begins");
		if (plan->until_usec > scenario->duration_usec)
			return words_fail_hint(&parser->words, until,
								   "What comes after it is seen only while the load goes on.",
								   "the fault ends after the load");
		for (int j = 0; j < i; j++)
		{
			if (clash(plan, &scenario->faults[j]))
				return words_fail(&parser->words, &parser->from[i].word,
								  "the fault of line %d is not over then",
								  scenario->faults[j].line);
		}
	}
	return true;
}

/* -------------------------------------------------------------------------
 * the whole
 * ------------------------------------------------------------------------- */

static bool
take_line(Parser *parser)
{
	Words *words = &parser->words;
	Scenario *scenario = parser->scenario;
	Word key = words_next(words);
	bool done;

	if (key.len == 0)
		return true;
	if (word_is(&key, "at"))
		return take_fault(parser, &key) && words_end(words);
	if (word_is(&key, "expect"))
		return expectations_take(words, scenario) && words_end(words);
	if (!word_is(&key, "kind") && !word_is(&key, "title") && !word_is(&key, "about") &&
		!word_is(&key, "duration") && !word_is(&key, "rate") && !word_is(&key, "load"))
		return words_fail_hint(words, &key,
							   "A line begins with kind, title, about, duration, rate, load, at or "
							   "expect.",
							   "unknown word \"%.*s\"", (int) (key.len < 40 ? key.len : 40),
							   key.text);
	if (!words_expect(words, "="))
		return false;
	if (word_is(&key, "kind"))
		done = take_scenario_kind(parser, &key);
	else if (word_is(&key, "title"))
		done =
			take_text(parser, &key, &parser->has_title, scenario->title, sizeof(scenario->title));
	else if (word_is(&key, "about"))
		done =
			take_text(parser, &key, &parser->has_about, scenario->about, sizeof(scenario->about));
	else if (word_is(&key, "duration"))
		done = take_duration(parser, &key);
	else if (word_is(&key, "rate"))
		done = take_rate(parser, &key);
	else
		done = take_load(parser, &key);
	return done && words_end(words);
}

/* The report is a text, and has the name in it. */
static bool
take_name(Scenario *scenario, const char *file, Error *error)
{
	const char *slash = strrchr(file, '/');
	const char *name = slash != NULL ? slash + 1 : file;
	const char *suffix = strstr(name, ".scenario");
	size_t len = suffix != NULL ? (size_t) (suffix - name) : strlen(name);

	if (len > 0 && len < sizeof(scenario->name) && text_is_valid(name, len))
	{
		memcpy(scenario->name, name, len);
		return true;
	}
	error_permanent(error, EXIT_CONFIG, "%s: a scenario can't have this name", file);
	return error_hint(error, "The file's name has 1 to %zu bytes of UTF-8 before \".scenario\".",
					  sizeof(scenario->name) - 1);
}

static bool
check_whole(Parser *parser)
{
	const Scenario *scenario = parser->scenario;
	Word end = words_next(&parser->words);
	const char *too_much = scenario_too_much(scenario);

	if (!parser->has_title)
		return words_fail_hint(&parser->words, &end, "A scenario needs: title = …",
							   "there is no title");
	if (!parser->has_duration)
		return words_fail_hint(&parser->words, &end, "A scenario needs: duration = 20s",
							   "there is no duration");
	if (parser->has_rate && scenario->shape.form == LOAD_RAMP)
		return words_fail(&parser->words, &parser->shape, "a ramp has no rate besides its own");
	return too_much == NULL ||
		   words_fail(&parser->words, parser->has_load ? &parser->shape : &end, "%s", too_much);
}

const char *
scenario_too_much(const Scenario *scenario)
{
	const LoadShape *shape = &scenario->shape;
	double most = scenario->rate * (shape->factor > 1 ? shape->factor : 1);

	if (shape->form == LOAD_RAMP)
		most = fmax(shape->from, shape->to);
	if (most > RATE_MAX)
		return "more than " TEXT_OF(RATE_MAX) " requests a second";
	if (most * (double) scenario->duration_usec / USEC_PER_SEC > REQUESTS_MAX)
		return "more than " TEXT_OF(REQUESTS_MAX) " requests";
	return NULL;
}

bool
scenario_parse(Scenario *scenario, const char *file, const char *text, size_t len, Error *error)
{
	Parser parser = {.scenario = scenario};

	memset(scenario, 0, sizeof(*scenario));
	scenario->rate = DEFAULT_RATE;
	snprintf(scenario->load, sizeof(scenario->load), "constant");
	if (!take_name(scenario, file, error))
		return false;
	if (len > SCENARIO_SIZE_MAX)
		return error_permanent(error, EXIT_CONFIG, "%s: longer than %d bytes", file,
							   SCENARIO_SIZE_MAX);
	words_init(&parser.words, file, text, len, error);
	while (words_line(&parser.words))
	{
		if (!take_line(&parser))
			return false;
	}
	return !parser.words.failed && check_whole(&parser) && resolve_faults(&parser);
}

void
scenario_scale(Scenario *scenario, int64_t duration_usec)
{
	double factor = (double) duration_usec / (double) scenario->duration_usec;

	for (int i = 0; i < scenario->fault_count; i++)
	{
		FaultPlan *plan = &scenario->faults[i];

		plan->from_usec = (int64_t) ((double) plan->from_usec * factor);
		plan->until_usec = (int64_t) ((double) plan->until_usec * factor);
	}
	scenario->duration_usec = duration_usec;
}
