/*
 * test_retrier.c
 *	  Retries and the breaker over a pool that answers as it is told.
 */
#include "unit.h"

#include <pthread.h>
#include <string.h>

#include "retrier.h"

#define RESULTS_MAX 8
#define PATIENCE (60 * USEC_PER_SEC)

/* The pool: the n-th try gets the n-th result, and the last one from then on. */
static struct
{
	pthread_mutex_t lock;
	JobResult results[RESULTS_MAX];
	int count;
	int tries;
	bool again[RESULTS_MAX];
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool
pool_submit(Pool *pool, PoolJob *job)
{
	int at;

	(void) pool;
	pthread_mutex_lock(&fake.lock);
	at = fake.tries < fake.count ? fake.tries : fake.count - 1;
	if (fake.tries < RESULTS_MAX)
		fake.again[fake.tries] = job->again;
	fake.tries++;
	job->result = fake.results[at];
	pthread_mutex_unlock(&fake.lock);
	if (job->result == JOB_AWAY || job->result == JOB_BUSY)
		return false;
	job->version = 11;
	job->done(job);
	return true;
}

typedef struct Waiting
{
	RetryJob job;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool done;
} Waiting;

static void
on_done(RetryJob *job)
{
	Waiting *waiting = (Waiting *) job;

	pthread_mutex_lock(&waiting->lock);
	waiting->done = true;
	pthread_cond_signal(&waiting->wake);
	pthread_mutex_unlock(&waiting->lock);
}

/* One request, to its end. */
static JobResult
request(Retrier *retrier)
{
	Waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

	waiting.job.done = on_done;
	retrier_submit(retrier, &waiting.job);
	pthread_mutex_lock(&waiting.lock);
	while (!waiting.done)
		pthread_cond_wait(&waiting.wake, &waiting.lock);
	pthread_mutex_unlock(&waiting.lock);
	return waiting.job.job.result;
}

static void
answer_with(const JobResult *results, int count)
{
	memcpy(fake.results, results, sizeof(*results) * (size_t) count);
	fake.count = count;
	fake.tries = 0;
	memset(fake.again, 0, sizeof(fake.again));
}

static Retrier *
start(int64_t patience_usec)
{
	RetrierConfig config = retrier_defaults(patience_usec);
	Retrier *retrier;
	Error error;

	retrier = retrier_start(&config, NULL, &error);
	assert_non_null(retrier);
	return retrier;
}

static void
stop(Retrier *retrier)
{
	retrier_stop(retrier);
	retrier_free(retrier);
}

static void
it_tries_again(void **state)
{
	static const JobResult results[] = {JOB_AWAY, JOB_BUSY, JOB_STORED};
	Retrier *retrier = start(PATIENCE);

	(void) state;
	answer_with(results, LENGTH(results));
	assert_int_equal(request(retrier), JOB_STORED);
	assert_int_equal(fake.tries, 3);
	assert_false(fake.again[1]);
	assert_false(fake.again[2]);
	stop(retrier);
}

static void
it_looks_after_a_doubt(void **state)
{
	static const JobResult results[] = {JOB_AWAY, JOB_UNKNOWN, JOB_AWAY, JOB_STORED};
	Retrier *retrier = start(PATIENCE);

	(void) state;
	answer_with(results, LENGTH(results));
	assert_int_equal(request(retrier), JOB_STORED);
	assert_int_equal(fake.tries, 4);
	assert_false(fake.again[0]);
	assert_false(fake.again[1]);
	assert_true(fake.again[2]);
	assert_true(fake.again[3]);
	stop(retrier);
}

static void
patience_ends(void **state)
{
	static const JobResult results[] = {JOB_BUSY};
	Retrier *retrier = start(300 * USEC_PER_MS);
	MonoUsec before = clock_mono();

	(void) state;
	/* Its time may be over with the first one, if the machine is busy. */
	fake.tries = 0;
	for (int i = 0; i < 20 && fake.tries <= 1; i++)
	{
		answer_with(results, LENGTH(results));
		assert_int_equal(request(retrier), JOB_BUSY);
	}
	assert_true(fake.tries > 1);
	/* It does end; how soon is the machine's affair as well. */
	assert_true(clock_mono() - before < 100 * 300 * USEC_PER_MS);
	stop(retrier);
}

/* Refusals without a try, then one that is let through, and it closes. */
static void
the_breaker_refuses_and_recovers(void **state)
{
	static const JobResult away[] = {JOB_AWAY};
	static const JobResult stored[] = {JOB_STORED};
	Retrier *retrier = start(100 * USEC_PER_MS);
	MonoUsec give_up = clock_mono() + 20 * USEC_PER_SEC;
	int tries;

	(void) state;
	answer_with(away, LENGTH(away));
	/* Again when it was open for so long meanwhile that it let one through. */
	do
	{
		while (retrier_breaker(retrier) != BREAKER_OPEN && clock_mono() < give_up)
			assert_int_equal(request(retrier), JOB_AWAY);
		assert_int_equal(retrier_breaker(retrier), BREAKER_OPEN);
		assert_true(fake.tries >= 10);
		tries = fake.tries;
		assert_int_equal(request(retrier), JOB_AWAY);
	} while (fake.tries != tries && clock_mono() < give_up);
	assert_int_equal(fake.tries, tries);

	answer_with(stored, LENGTH(stored));
	while (retrier_breaker(retrier) != BREAKER_CLOSED && clock_mono() < give_up)
		(void) request(retrier);
	assert_int_equal(retrier_breaker(retrier), BREAKER_CLOSED);
	assert_int_equal(fake.tries, 1);
	stop(retrier);
}

/* A pool that is exhausted says nothing about the database. */
static void
busy_opens_nothing(void **state)
{
	static const JobResult busy[] = {JOB_BUSY};
	Retrier *retrier = start(100 * USEC_PER_MS);

	(void) state;
	answer_with(busy, LENGTH(busy));
	while (fake.tries < 30)
		assert_int_equal(request(retrier), JOB_BUSY);
	assert_int_equal(retrier_breaker(retrier), BREAKER_CLOSED);
	stop(retrier);
}

static void
those_that_wait_are_refused_at_the_end(void **state)
{
	static const JobResult results[] = {JOB_UNKNOWN, JOB_BUSY};
	Waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
	Retrier *retrier = start(60 * USEC_PER_SEC);

	(void) state;
	answer_with(results, LENGTH(results));
	waiting.job.done = on_done;
	retrier_submit(retrier, &waiting.job);
	stop(retrier);
	assert_true(waiting.done);
	assert_int_equal(waiting.job.job.result, JOB_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_tries_again),
		cmocka_unit_test(it_looks_after_a_doubt),
		cmocka_unit_test(patience_ends),
		cmocka_unit_test(the_breaker_refuses_and_recovers),
		cmocka_unit_test(busy_opens_nothing),
		cmocka_unit_test(those_that_wait_are_refused_at_the_end),
	};

	return cmocka_run_group_tests_name("retrier", tests, NULL, NULL);
}
