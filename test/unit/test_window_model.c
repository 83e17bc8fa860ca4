/*
 * test_window_model.c
 *	  The delivery window against a naive model, under random calls.
 *
 * The model keeps every transaction and event since the last reset in arrays and
 * computes each answer from them anew.  A failure names its seed:
 *
 *		OUTBOX_TEST_SEED=17 build/test/unit/test_window_model
 *
 * runs that one alone.
 */
#include "unit.h"

#include "random.h"
#include "window.h"

#define SEEDS 200
#define STEPS 1000

typedef struct ModelTransaction
{
	PgLsn commit_lsn;
	PgLsn end_lsn; /* LSN_INVALID: open */
	PgUsec commit_time;
} ModelTransaction;

typedef struct ModelEvent
{
	int transaction;
	uint64_t ordinal;
	uint32_t bytes;
	DeliveryToken token;
	bool settled;
} ModelEvent;

typedef struct Model
{
	WindowLimits limits;
	PgLsn base; /* confirmed at the last reset or idle position */
	ModelTransaction transactions[STEPS];
	int transaction_count;
	ModelEvent events[STEPS];
	int event_count;
} Model;

static bool
model_open(const Model *model)
{
	return model->transaction_count > 0 &&
		   model->transactions[model->transaction_count - 1].end_lsn == LSN_INVALID;
}

/* The index of the first unsettled event, event_count when there is none. */
static int
model_first(const Model *model)
{
	int i = 0;

	while (i < model->event_count && model->events[i].settled)
		i++;
	return i;
}

/* How many transactions are committed and settled, counted from the front. */
static int
model_done(const Model *model)
{
	int first = model_first(model);

	return first < model->event_count ? model->events[first].transaction
									  : model->transaction_count - model_open(model);
}

static PgLsn
model_confirmed(const Model *model)
{
	int done = model_done(model);

	return done > 0 ? model->transactions[done - 1].end_lsn : model->base;
}

/* What the open transaction may have next. */
static uint64_t
model_next_ordinal(const Model *model)
{
	uint64_t next = 0;

	for (int i = 0; i < model->event_count; i++)
	{
		if (model->events[i].transaction == model->transaction_count - 1)
			next = model->events[i].ordinal + 1;
	}
	return next;
}

static ResumePoint
model_resume(const Model *model)
{
	ResumePoint point = {model_confirmed(model), LSN_INVALID, 0};
	int first = model_first(model);

	if (first < model->event_count)
	{
		point.commit_lsn = model->transactions[model->events[first].transaction].commit_lsn;
		point.ordinal = model->events[first].ordinal;
	}
	else if (model_open(model))
	{
		point.commit_lsn = model->transactions[model->transaction_count - 1].commit_lsn;
		point.ordinal = model_next_ordinal(model);
	}
	return point;
}

static void
model_load(const Model *model, uint32_t *events, uint64_t *bytes)
{
	*events = 0;
	*bytes = 0;
	for (int i = 0; i < model->event_count; i++)
	{
		if (!model->events[i].settled)
		{
			*events += 1;
			*bytes += model->events[i].bytes;
		}
	}
}

static void
model_forget(Model *model, PgLsn base)
{
	model->base = base;
	model->transaction_count = 0;
	model->event_count = 0;
}

typedef struct Run
{
	uint64_t seed;
	int step;
	Random random;
	DeliveryWindow *window;
	Model model;
	PgLsn lsn;				 /* grows with the stream */
	PgLsn confirmed;		 /* after the step before */
	DeliveryToken stale[64]; /* some that must be refused */
	int stale_count;
	bool newest_open; /* the last event may be retracted */
	int full;
	int settled;
} Run;

#define CHECK(run, condition)                                                                      \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
			fail_msg("OUTBOX_TEST_SEED=%llu, step %d: %s", (unsigned long long) (run)->seed,       \
					 (run)->step, #condition);                                                     \
	} while (0)

static uint64_t
below(Run *run, uint64_t bound)
{
	return random_below(&run->random, bound);
}

static void
remember_stale(Run *run, DeliveryToken token)
{
	run->stale[run->stale_count++ % LENGTH(run->stale)] = token;
}

/* An index into the events of the model, of an unsettled one; -1: there is none. */
static int
pick_unsettled(Run *run)
{
	Model *model = &run->model;
	uint32_t count;
	uint64_t bytes;
	uint64_t nth;

	model_load(model, &count, &bytes);
	if (count == 0)
		return -1;
	nth = below(run, count);
	for (int i = 0;; i++)
	{
		if (!model->events[i].settled && nth-- == 0)
			return i;
	}
}

static void
do_begin(Run *run)
{
	Model *model = &run->model;
	PgLsn commit_lsn = run->lsn + below(run, 3) * 8;
	bool backwards = below(run, 20) == 0;
	IoResult result;
	Error error;

	if (backwards)
		commit_lsn = run->lsn - 1 - below(run, 8);
	result = window_begin(run->window, commit_lsn, (PgUsec) run->step, &error);
	if (model_open(model) || backwards)
	{
		CHECK(run, result == IO_FAILED);
		return;
	}
	if ((uint32_t) (model->transaction_count - model_done(model)) == model->limits.max_transactions)
	{
		CHECK(run, result == IO_FULL);
		run->full++;
		return;
	}
	CHECK(run, result == IO_OK);
	model->transactions[model->transaction_count++] =
		(ModelTransaction){commit_lsn, LSN_INVALID, (PgUsec) run->step};
	run->lsn = commit_lsn;
	run->newest_open = false;
}

static void
do_add(Run *run)
{
	Model *model = &run->model;
	uint64_t next = model_next_ordinal(model);
	uint32_t bytes = (uint32_t) below(run, 60);
	uint32_t in_flight;
	uint64_t load;
	DeliveryToken token = 0;
	IoResult result;
	Error error;

	if (next > 0 && below(run, 30) == 0)
	{
		CHECK(run, window_add(run->window, next - 1, bytes, &token, &error) == IO_FAILED);
		return;
	}
	next += below(run, 10) == 0 ? below(run, 4) : 0;
	model_load(model, &in_flight, &load);
	result = window_add(run->window, next, bytes, &token, &error);
	if (!model_open(model))
	{
		CHECK(run, result == IO_FAILED);
		return;
	}
	if ((uint32_t) (model->event_count - model_first(model)) == model->limits.max_events ||
		(in_flight > 0 && load + bytes > model->limits.max_bytes))
	{
		CHECK(run, result == IO_FULL);
		run->full++;
		return;
	}
	CHECK(run, result == IO_OK);
	CHECK(run, token != 0);
	model->events[model->event_count++] =
		(ModelEvent){model->transaction_count - 1, next, bytes, token, false};
	run->newest_open = true;
}

static void
do_commit(Run *run)
{
	Model *model = &run->model;
	PgLsn end_lsn = run->lsn + 1 + below(run, 40);
	IoResult result;
	Error error;

	if (below(run, 20) == 0 && model_open(model))
	{
		CHECK(run, window_commit(run->window, run->lsn, &error) == IO_FAILED);
		return;
	}
	result = window_commit(run->window, end_lsn, &error);
	if (!model_open(model))
	{
		CHECK(run, result == IO_FAILED);
		return;
	}
	CHECK(run, result == IO_OK);
	model->transactions[model->transaction_count - 1].end_lsn = end_lsn;
	run->lsn = end_lsn;
	run->newest_open = false;
}

static void
do_settle(Run *run)
{
	Model *model = &run->model;
	int index = pick_unsettled(run);
	const ModelTransaction *transaction;
	ModelEvent *event;
	Settled settled;
	Settled peeked;

	if (index < 0)
		return;
	event = &model->events[index];
	transaction = &model->transactions[event->transaction];
	CHECK(run, window_peek(run->window, event->token, &peeked));
	CHECK(run, window_settle(run->window, event->token, &settled));
	CHECK(run, settled.commit_lsn == transaction->commit_lsn);
	CHECK(run, settled.ordinal == event->ordinal);
	CHECK(run, settled.commit_time == transaction->commit_time);
	CHECK(run, peeked.commit_lsn == settled.commit_lsn && peeked.ordinal == settled.ordinal);
	event->settled = true;
	remember_stale(run, event->token);
	run->settled++;
	if (index == model->event_count - 1)
		run->newest_open = false;
}

static void
do_retract(Run *run)
{
	Model *model = &run->model;
	int index = below(run, 4) > 0 ? model->event_count - 1 : pick_unsettled(run);

	if (index < 0)
		return;
	window_retract(run->window, model->events[index].token);
	if (index != model->event_count - 1 || !run->newest_open)
		return;
	remember_stale(run, model->events[index].token);
	model->event_count--;
	run->newest_open = false;
}

static void
do_stale(Run *run)
{
	DeliveryToken token = below(run, 10) == 0 ? random_next(&run->random) << 24 : 0;
	Settled settled;

	if (run->stale_count > 0 && token == 0)
	{
		int kept = run->stale_count < (int) LENGTH(run->stale) ? run->stale_count
															   : (int) LENGTH(run->stale);

		token = run->stale[below(run, (uint64_t) kept)];
	}
	for (int i = 0; i < run->model.event_count; i++)
	{
		if (!run->model.events[i].settled && run->model.events[i].token == token)
			return; /* the invented one happens to live */
	}
	CHECK(run, !window_settle(run->window, token, NULL));
	CHECK(run, !window_peek(run->window, token, &settled));
	window_retract(run->window, token);
}

static void
do_idle(Run *run)
{
	Model *model = &run->model;
	PgLsn wal_end = run->lsn - 20 + below(run, 60);

	window_idle_at(run->window, wal_end);
	if (model_open(model) || model_first(model) < model->event_count)
		return;
	if (wal_end > model_confirmed(model))
		model_forget(model, wal_end);
	if (wal_end > run->lsn)
		run->lsn = wal_end;
}

static void
do_reset(Run *run)
{
	Model *model = &run->model;
	PgLsn confirmed = model_confirmed(model);
	PgLsn start_lsn = confirmed - 10 + below(run, 20);

	for (int i = 0; i < model->event_count; i++)
	{
		if (!model->events[i].settled)
			remember_stale(run, model->events[i].token);
	}
	window_reset(run->window, start_lsn);
	model_forget(model, start_lsn > confirmed ? start_lsn : confirmed);
	run->lsn = model->base; /* the stream comes again */
	run->newest_open = false;
}

static void
compare(Run *run)
{
	const Model *model = &run->model;
	const DeliveryWindow *window = run->window;
	ResumePoint point = window_resume_point(window);
	ResumePoint expected = model_resume(model);
	PgLsn confirmed = window_confirmed(window);
	int first = model_first(model);
	uint32_t events;
	uint64_t bytes;

	model_load(model, &events, &bytes);
	CHECK(run, confirmed >= run->confirmed);		 /* I1 */
	CHECK(run, confirmed == model_confirmed(model)); /* I2, I3, I6 */
	CHECK(run, point.start_lsn == expected.start_lsn);
	CHECK(run, point.commit_lsn == expected.commit_lsn);
	CHECK(run, point.ordinal == expected.ordinal);
	CHECK(run, window_events(window) == events);
	CHECK(run, window_bytes(window) == bytes);
	CHECK(run, events <= model->limits.max_events); /* I4 */
	CHECK(run, events <= 1 || bytes <= model->limits.max_bytes);
	CHECK(run, window_in_transaction(window) == model_open(model));
	CHECK(run, window_is_idle(window) == (model_done(model) == model->transaction_count));
	CHECK(
		run,
		window_oldest_commit_time(window) ==
			(events == 0 ? 0 : model->transactions[model->events[first].transaction].commit_time));
	for (int i = first; i < model->event_count; i++)
		CHECK(run, model->events[i].settled ||
					   model->transactions[model->events[i].transaction].commit_lsn >= confirmed);
	run->confirmed = confirmed;
}

static void
step(Run *run)
{
	uint64_t dice = below(run, 1000);

	if (dice < 120)
		do_begin(run);
	else if (dice < 480)
		do_add(run);
	else if (dice < 600)
		do_commit(run);
	else if (dice < 860)
		do_settle(run);
	else if (dice < 910)
		do_retract(run);
	else if (dice < 950)
		do_stale(run);
	else if (dice < 995)
		do_idle(run);
	else
		do_reset(run);
	compare(run);
}

static Run run; /* large: not on the stack */

static void
run_seed(uint64_t seed)
{
	memset(&run, 0, sizeof(run));
	run.seed = seed;
	random_seed(&run.random, seed);
	run.model.limits = (WindowLimits){(uint32_t) below(&run, 12) + 1, (uint32_t) below(&run, 6) + 1,
									  below(&run, 300)};
	run.window = window_create(&run.model.limits);
	assert_non_null(run.window);
	run.lsn = 1000;
	window_reset(run.window, run.lsn);
	model_forget(&run.model, run.lsn);
	for (run.step = 0; run.step < STEPS; run.step++)
		step(&run);
	window_free(run.window);
}

static void
agrees_with_the_model(void **state)
{
	const char *only = getenv("OUTBOX_TEST_SEED");
	long full = 0;
	long settled = 0;

	(void) state;
	if (only != NULL)
	{
		run_seed(strtoull(only, NULL, 10));
		return;
	}
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
	{
		run_seed(seed);
		full += run.full;
		settled += run.settled;
	}
	/* The runs went where it is interesting. */
	assert_true(full > SEEDS * 10);
	assert_true(settled > SEEDS * 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_model),
	};

	return cmocka_run_group_tests_name("window_model", tests, NULL, NULL);
}
