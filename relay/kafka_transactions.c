/*
 * kafka_transactions.c
 *	  The thread that makes librdkafka's blocking calls about transactions.
 *
 * Refuses a second job beside the first.
 *
 * Invariants: calls are made in slices of TXN_SLICE_MS, which librdkafka resumes, so that
 * the thread hears of stop() soon; an error that librdkafka calls retriable is no result.
 */
#include "kafka_transactions.h"

#include "failpoint.h"
#include "kafka_conf.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef enum MailState
{
	MAIL_NONE,
	MAIL_JOB,
	MAIL_RESULT
} MailState;

struct TxnThread
{
	rd_kafka_t *handle;
	int event_fd;
	pthread_t id;

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t posted;
	MailState state;
	TxnJob job;
	TxnResult result;
	bool stopping;
};

static bool
is_stopping(TxnThread *thread)
{
	bool stopping;

	pthread_mutex_lock(&thread->lock);
	stopping = thread->stopping;
	pthread_mutex_unlock(&thread->lock);
	return stopping;
}

static rd_kafka_error_t *
call(TxnThread *thread, TxnJob job)
{
	switch (job)
	{
		case TXN_INIT:
			return rd_kafka_init_transactions(thread->handle, TXN_SLICE_MS);
		case TXN_COMMIT:
			return rd_kafka_commit_transaction(thread->handle, TXN_SLICE_MS);
		default:
			return rd_kafka_abort_transaction(thread->handle, TXN_SLICE_MS);
	}
}

static const char *
doing(TxnJob job)
{
	static const char *const names[] = {"begin with transactions", "commit a transaction",
										"abort a transaction"};

	return names[job];
}

bool
txn_is_fencing(int code)
{
	return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
		   code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* A failure of the producer itself is told as what made it fail. */
static void
fill_result(TxnThread *thread, TxnJob job, rd_kafka_error_t *failure, TxnResult *result)
{
	rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
	char reason[256];

	if (code == RD_KAFKA_RESP_ERR__FATAL)
		code = rd_kafka_fatal_error(thread->handle, reason, sizeof(reason));
	result->done = false;
	result->fenced = txn_is_fencing(code);
	kafka_error_fill(&result->error, code, doing(job));
	error_detail(&result->error, "%s", rd_kafka_error_string(failure));
	rd_kafka_error_destroy(failure);
}

/* What librdkafka refuses at once may be tried again at once, and for ever. */
static void
pause_a_moment(void)
{
	struct timespec moment = {0, 20000000};

	(void) nanosleep(&moment, NULL);
}

static bool
fails_before(TxnJob job, Error *error)
{
	switch (job)
	{
		case TXN_INIT:
			return FAILPOINT_ERROR("kafka-init", error);
		case TXN_COMMIT:
			return FAILPOINT_ERROR("kafka-commit", error);
		default:
			return FAILPOINT_ERROR("kafka-abort", error);
	}
}

/* It is done, and nobody is told. */
static bool
fails_after(TxnJob job, Error *error)
{
	switch (job)
	{
		case TXN_INIT:
			return FAILPOINT_ERROR("kafka-initialized", error);
		case TXN_COMMIT:
			return FAILPOINT_ERROR("kafka-committed", error);
		default:
			return FAILPOINT_ERROR("kafka-aborted", error);
	}
}

/* false: given up. */
static bool
work(TxnThread *thread, TxnJob job, TxnResult *result)
{
	rd_kafka_error_t *failure;

	*result = (TxnResult){.job = job, .done = true};
	error_clear(&result->error);
	if (fails_before(job, &result->error))
	{
		result->done = false;
		return true;
	}
	while ((failure = call(thread, job)) != NULL && rd_kafka_error_is_retriable(failure))
	{
		bool timed_out = rd_kafka_error_code(failure) == RD_KAFKA_RESP_ERR__TIMED_OUT;

		rd_kafka_error_destroy(failure);
		if (is_stopping(thread))
			return false;
		if (!timed_out)
			pause_a_moment();
	}
	if (failure == NULL && fails_after(job, &result->error))
	{
		result->done = false;
		return true;
	}
	if (failure == NULL && job != TXN_ABORT)
		failure = rd_kafka_begin_transaction(thread->handle);
	if (failure != NULL)
		fill_result(thread, job, failure, result);
	else if (FAILPOINT_ERROR("kafka-begun", &result->error))
		result->done = false;
	return true;
}

static void *
run(void *arg)
{
	static const uint64_t one = 1;
	TxnThread *thread = arg;

	for (;;)
	{
		TxnResult result;
		TxnJob job;

		pthread_mutex_lock(&thread->lock);
		while (thread->state != MAIL_JOB && !thread->stopping)
			pthread_cond_wait(&thread->posted, &thread->lock);
		job = thread->job;
		pthread_mutex_unlock(&thread->lock);
		if (is_stopping(thread) || !work(thread, job, &result))
			return NULL;
		pthread_mutex_lock(&thread->lock);
		thread->result = result;
		thread->state = MAIL_RESULT;
		pthread_mutex_unlock(&thread->lock);
		while (write(thread->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			continue;
	}
}

TxnThread *
txn_thread_start(rd_kafka_t *handle, int event_fd, Error *error)
{
	TxnThread *thread = calloc(1, sizeof(*thread));
	sigset_t all;
	sigset_t before;
	int failed;

	if (thread == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	thread->handle = handle;
	thread->event_fd = event_fd;
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->posted, NULL);
	/* Signals are for the main loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&thread->id, NULL, run, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed == 0)
		return thread;
	error_bug(error, "could not start a thread: %s", strerror(failed));
	pthread_cond_destroy(&thread->posted);
	pthread_mutex_destroy(&thread->lock);
	free(thread);
	return NULL;
}

void
txn_thread_stop(TxnThread *thread)
{
	if (thread == NULL)
		return;
	pthread_mutex_lock(&thread->lock);
	thread->stopping = true;
	pthread_cond_signal(&thread->posted);
	pthread_mutex_unlock(&thread->lock);
	pthread_join(thread->id, NULL);
	pthread_cond_destroy(&thread->posted);
	pthread_mutex_destroy(&thread->lock);
	free(thread);
}

bool
txn_thread_post(TxnThread *thread, TxnJob job)
{
	bool idle;

	pthread_mutex_lock(&thread->lock);
	idle = thread->state == MAIL_NONE;
	if (idle)
	{
		thread->job = job;
		thread->state = MAIL_JOB;
		pthread_cond_signal(&thread->posted);
	}
	pthread_mutex_unlock(&thread->lock);
	return idle;
}

bool
txn_thread_take(TxnThread *thread, TxnResult *result)
{
	bool there;

	pthread_mutex_lock(&thread->lock);
	there = thread->state == MAIL_RESULT;
	if (there)
	{
		*result = thread->result;
		thread->state = MAIL_NONE;
	}
	pthread_mutex_unlock(&thread->lock);
	return there;
}

bool
txn_thread_is_idle(TxnThread *thread)
{
	bool idle;

	pthread_mutex_lock(&thread->lock);
	idle = thread->state == MAIL_NONE;
	pthread_mutex_unlock(&thread->lock);
	return idle;
}
