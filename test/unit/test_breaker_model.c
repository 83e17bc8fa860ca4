/*
 * test_breaker_model.c
 *	  The breaker against a naive model, on random walks.
 *
 * The model keeps every call since the breaker closed in an array and works out each
 * answer from that anew; each walk has settings of its own.  The seed is printed, and
 *
 *		OUTBOX_TEST_SEED=17 build/test/unit/test_breaker_model
 *
 * starts from that one in place of 7.
 */
#include "breaker_bench.h"

#include <math.h>

#define WALKS 400
#define STEPS 500

typedef enum Step
{
	STEP_ASK,
	STEP_GOOD,
	STEP_BAD,
	STEP_MODE,
	STEP_CLOSE,
	STEP_TRY,
	STEP_KINDS
} Step;

typedef struct ModelCall
{
	MonoUsec at;
	bool failed;
	bool slow;
} ModelCall;

typedef struct Model
{
	const BreakerConfig *config;
	BreakerMode mode;
	BreakerState state;
	BreakerReason reason;		/* of the last change */
	ModelCall calls[STEPS + 1]; /* since it came to this state */
	int count;
	int failed_probes; /* since it was CLOSED */
	MonoUsec due;	   /* OPEN and AUTO: the end without jitter; else MONO_NEVER */
	MonoUsec wait;
} Model;

static void
model_enter(Model *model, BreakerState to, BreakerReason reason)
{
	if (model->state != to)
		model->reason = reason;
	model->state = to;
	model->count = 0;
	model->due = MONO_NEVER;
	if (to == BREAKER_CLOSED)
		model->failed_probes = 0;
}

static void
model_open(Model *model, BreakerReason reason, MonoUsec now)
{
	const BreakerConfig *config = model->config;
	int64_t most =
		config->reset_max_usec > config->reset_usec ? config->reset_max_usec : config->reset_usec;
	long double wait;

	if (model->state == BREAKER_HALF_OPEN)
		model->failed_probes++;
	wait = (long double) config->reset_usec *
		   powl(config->growth_percent / 100.0L, (long double) model->failed_probes);
	if (wait > (long double) most)
		wait = (long double) most;
	model_enter(model, BREAKER_OPEN, reason);
	model->wait = (MonoUsec) wait;
	model->due = now + model->wait;
}

static bool
model_in_window(const Model *model, int call, MonoUsec now)
{
	int64_t tenth = model->config->window_usec / 10;

	if (model->config->window == BREAKER_WINDOW_COUNT)
		return call >= model->count - (int) model->config->window_size;
	return now / tenth - model->calls[call].at / tenth < 10;
}

static BreakerCounts
model_window(const Model *model, MonoUsec now)
{
	BreakerCounts counts = {0};

	for (int i = 0; i < model->count && model->state == BREAKER_CLOSED; i++)
	{
		if (!model_in_window(model, i, now))
			continue;
		counts.calls++;
		counts.failures += model->calls[i].failed;
		counts.slow += model->calls[i].slow;
	}
	return counts;
}

/* Of the last calls, those that all failed. */
static unsigned
model_in_a_row(const Model *model)
{
	unsigned row = 0;

	for (int i = model->count; i-- > 0 && model->calls[i].failed;)
		row++;
	return row;
}

static void
model_call(Model *model, bool failed, bool slow, MonoUsec now)
{
	const BreakerConfig *config = model->config;
	BreakerCounts window;

	if (model->mode != BREAKER_AUTO || model->state == BREAKER_OPEN)
		return;
	model->calls[model->count++] = (ModelCall){now, failed, slow};
	if (model->state == BREAKER_HALF_OPEN)
	{
		if (failed)
			model_open(model, BREAKER_BY_PROBE_FAILURE, now);
		else if (slow && config->slow_rate_percent > 0)
			model_open(model, BREAKER_BY_SLOW_PROBE, now);
		else if (model->count == (int) config->successes)
			model_enter(model, BREAKER_CLOSED, BREAKER_BY_SUCCESSES);
		return;
	}
	window = model_window(model, now);
	if (failed && config->failures > 0 && model_in_a_row(model) >= config->failures)
		model_open(model, BREAKER_BY_FAILURES, now);
	else if (window.calls < config->window_calls)
		return;
	else if (config->failure_rate_percent > 0 &&
			 (double) window.failures / window.calls >= config->failure_rate_percent / 100.0 - 1e-9)
		model_open(model, BREAKER_BY_FAILURE_RATE, now);
	else if (config->slow_rate_percent > 0 &&
			 (double) window.slow / window.calls >= config->slow_rate_percent / 100.0 - 1e-9)
		model_open(model, BREAKER_BY_SLOW_RATE, now);
}

static void
random_config(BreakerConfig *config, Random *random)
{
	static const unsigned growths[] = {100, 100, 150, 200, 300};

	*config = (BreakerConfig){
		.failures = (unsigned) random_below(random, 7),
		.successes = 1 + (unsigned) random_below(random, 4),
		.reset_usec = (1 + (int64_t) random_below(random, 60)) * SEC,
		.reset_max_usec = (1 + (int64_t) random_below(random, 600)) * SEC,
		.growth_percent = growths[random_below(random, LENGTH(growths))],
		.jitter = random_below(random, 3) == 0,
		.window = random_below(random, 2) == 0 ? BREAKER_WINDOW_TIME : BREAKER_WINDOW_COUNT,
		.window_usec = (1 + (int64_t) random_below(random, 300)) * SEC,
		.window_size = 1 + (unsigned) random_below(random, 40),
		.window_calls = 1 + (unsigned) random_below(random, 20),
		.failure_rate_percent = (unsigned) random_below(random, 101),
		.slow_rate_percent =
			random_below(random, 2) == 0 ? 0 : (unsigned) random_below(random, 101),
		.slow_usec = 5 * SEC,
	};
}

/* The kinds of steps that change nothing by themselves are the usual ones. */
static Step
random_step(Random *random, unsigned bad_percent)
{
	uint64_t number = random_below(random, 1000);

	if (number < 400)
		return STEP_ASK;
	if (number < 980)
		return random_below(random, 100) < bad_percent ? STEP_BAD : STEP_GOOD;
	return number < 990 ? STEP_MODE : number < 995 ? STEP_CLOSE : STEP_TRY;
}

static void
step_both(Breaker *breaker, Model *model, Step step, MonoUsec now, Random *random)
{
	int64_t took = random_below(random, 3) == 0 ? 5 * SEC : 1;
	BreakerMode mode = (BreakerMode) random_below(random, BREAKER_MODES);
	bool open = model->state == BREAKER_OPEN;

	switch (step)
	{
		case STEP_ASK:
			if (open && now >= model->due)
				model_enter(model, BREAKER_HALF_OPEN, BREAKER_BY_TIME);
			assert_int_equal(breaker_ask(breaker, now),
							 model->state == BREAKER_CLOSED ? BREAKER_ADMIT
							 : model->state == BREAKER_OPEN ? BREAKER_REJECT
															: BREAKER_PROBE);
			break;
		case STEP_GOOD:
			breaker_succeeded(breaker, now, took, random);
			model_call(model, false, took > 1, now);
			break;
		case STEP_BAD:
			breaker_failed(breaker, now, took, random);
			model_call(model, true, took > 1, now);
			break;
		case STEP_MODE:
			breaker_set_mode(breaker, mode, now);
			if (model->mode != mode)
				model_enter(model, mode == BREAKER_FORCED_OPEN ? BREAKER_OPEN : BREAKER_CLOSED,
							BREAKER_BY_MODE);
			model->mode = mode;
			break;
		case STEP_CLOSE:
			breaker_close(breaker, now);
			model_enter(model, BREAKER_CLOSED, BREAKER_BY_HAND);
			model->mode = BREAKER_AUTO;
			break;
		default:
			assert_int_equal(breaker_try_now(breaker, now), open);
			if (open)
			{
				model_enter(model, BREAKER_HALF_OPEN, BREAKER_BY_HAND);
				model->mode = BREAKER_AUTO;
			}
			break;
	}
}

static void
compare(const Breaker *breaker, Model *model, MonoUsec now)
{
	BreakerCounts counts = breaker_window(breaker, now);
	BreakerCounts expected = model_window(model, now);

	assert_int_equal(breaker->state, model->state);
	assert_int_equal(breaker->mode, model->mode);
	assert_int_equal(counts.calls, expected.calls);
	assert_int_equal(counts.failures, expected.failures);
	assert_int_equal(counts.slow, expected.slow);
	if (model->state == BREAKER_CLOSED)
		assert_int_equal(breaker->failures, model_in_a_row(model));
	if (model->due == MONO_NEVER)
	{
		assert_true(breaker_wake_at(breaker) == MONO_NEVER);
		return;
	}
	/* What jitter decides is right within its limits, and the model takes it over. */
	assert_true(breaker_wake_at(breaker) <= model->due + 1);
	assert_true(breaker_wake_at(breaker) >=
				model->due - (model->config->jitter ? model->wait / 2 : 0) - 1);
	model->due = breaker_wake_at(breaker);
	model->wait = 0;
}

static void
walk(Random *random, uint64_t seen[BREAKER_STATES][BREAKER_STATES], uint64_t *reasons)
{
	unsigned bad_percent = (unsigned) random_below(random, 100);
	int64_t pace = 1 + (int64_t) random_below(random, 20 * SEC);
	uint64_t changes[BREAKER_STATES][BREAKER_STATES] = {{0}};
	BreakerConfig config;
	Breaker breaker;
	MonoUsec now = (MonoUsec) random_below(random, 1000000 * SEC);
	static Model model;

	random_config(&config, random);
	memset(&model, 0, sizeof(model));
	model.config = &config;
	model.due = MONO_NEVER;
	breaker_init(&breaker, &config);
	for (int i = 0; i < STEPS; i++)
	{
		BreakerState before = model.state;
		BreakerTransition transition;

		now += (MonoUsec) random_below(random, (uint64_t) pace);
		step_both(&breaker, &model, random_step(random, bad_percent), now, random);
		compare(&breaker, &model, now);
		/* Each change is told once, and counted. */
		if (before != model.state)
		{
			assert_true(breaker_take_transition(&breaker, &transition));
			assert_int_equal(transition.from, before);
			assert_int_equal(transition.to, model.state);
			assert_int_equal(transition.reason, model.reason);
			reasons[transition.reason]++;
		}
		assert_false(breaker_take_transition(&breaker, &transition));
		seen[before][model.state]++;
		changes[before][model.state]++;
	}
	/* Counted are all of them and nothing else. */
	for (int from = 0; from < BREAKER_STATES; from++)
	{
		for (int to = 0; to < BREAKER_STATES; to++)
			assert_int_equal(breaker.transitions[from][to], from == to ? 0 : changes[from][to]);
	}
}

static void
random_walks_agree_with_a_model(void **state)
{
	const char *given = getenv("OUTBOX_TEST_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 7;
	uint64_t seen[BREAKER_STATES][BREAKER_STATES] = {{0}};
	uint64_t reasons[BREAKER_BY_HAND + 1] = {0};

	(void) state;
	/* First, for a walk that goes wrong ends the test. */
	print_message("%d walks of %d steps from seed %llu\n", WALKS, STEPS, (unsigned long long) seed);
	for (int i = 0; i < WALKS; i++)
	{
		Random random;

		random_seed(&random, seed + (uint64_t) i);
		walk(&random, seen, reasons);
	}
	/* The walks came everywhere, in every way. */
	for (int reason = 0; reason <= BREAKER_BY_HAND; reason++)
	{
		if (reasons[reason] < 20)
			fail_msg("only %llu transitions because of %s", (unsigned long long) reasons[reason],
					 breaker_reason_name((BreakerReason) reason));
	}
	for (int i = 0; i < BREAKER_STATES; i++)
		assert_true(seen[i][i] > 1000);
	assert_int_equal(seen[BREAKER_CLOSED][BREAKER_HALF_OPEN], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_walks_agree_with_a_model),
	};

	return cmocka_run_group_tests_name("breaker_model", tests, NULL, NULL);
}
