/*
 * test_poller.c
 *	  Waiting for descriptors, times and signals.
 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "poller.h"

static int pipes[2];

static int
setup(void **state)
{
	(void) state;
	return pipe(pipes);
}

static int
teardown(void **state)
{
	(void) state;
	close(pipes[0]);
	close(pipes[1]);
	return 0;
}

static void
sees_a_ready_descriptor(void **state)
{
	Poller poller;
	Error error;
	int first;
	int second;
	char byte;

	(void) state;
	assert_true(poller_init(&poller, &error));
	first = poller_add(&poller);
	second = poller_add(&poller);
	assert_int_not_equal(first, second);
	poller_watch(&poller, first, pipes[0], POLLIN);
	poller_watch(&poller, second, pipes[1], POLLOUT);
	poller_wait(&poller, 0, 0);
	assert_false(poller_ready(&poller, first));
	assert_true(poller_ready(&poller, second));

	assert_int_equal(write(pipes[1], "x", 1), 1);
	poller_watch(&poller, second, -1, POLLOUT);
	assert_false(poller_ready(&poller, second));
	poller_wait(&poller, clock_mono(), MONO_NEVER);
	assert_true(poller_ready(&poller, first));
	assert_false(poller_ready(&poller, second));

	assert_int_equal(read(pipes[0], &byte, 1), 1);
	poller_wait(&poller, 0, 0);
	assert_false(poller_ready(&poller, first));
	poller_free(&poller);
}

static void
no_interest_is_no_hangup(void **state)
{
	Poller poller;
	Error error;
	int slot;

	(void) state;
	assert_true(poller_init(&poller, &error));
	slot = poller_add(&poller);
	close(pipes[1]);
	poller_watch(&poller, slot, pipes[0], 0);
	poller_wait(&poller, 0, 0);
	assert_false(poller_ready(&poller, slot));
	poller_watch(&poller, slot, pipes[0], POLLIN);
	poller_wait(&poller, 0, 0);
	assert_true(poller_ready(&poller, slot));
	poller_free(&poller);
	pipes[1] = dup(pipes[0]);
}

/* A wait never ends before its time, or the loop would spin through the rest. */
static void
waits_are_rounded_up(void **state)
{
	static const int64_t waits[] = {1, 500, 999, 1000, 1001, 2999};
	Poller poller;
	Error error;

	(void) state;
	assert_true(poller_init(&poller, &error));
	for (size_t i = 0; i < LENGTH(waits); i++)
	{
		MonoUsec now = clock_mono();

		poller_wait(&poller, now, now + waits[i]);
		assert_true(clock_mono() >= now + waits[i]);
	}
	poller_free(&poller);
}

static void
a_time_in_the_past_does_not_wait(void **state)
{
	MonoUsec start = clock_mono();
	Poller poller;
	Error error;

	(void) state;
	assert_true(poller_init(&poller, &error));
	poller_wait(&poller, start, start);
	poller_wait(&poller, start, start - 1);
	poller_wait(&poller, INT64_MAX - 1, INT64_MIN);
	assert_true(clock_mono() - start < 10 * USEC_PER_SEC);
	poller_free(&poller);
}

/* Times whose difference does not fit, and waits longer than poll() can: a signal ends them. */
static void
far_times_do_not_overflow(void **state)
{
	Poller poller;
	Error error;

	(void) state;
	assert_true(poller_init(&poller, &error));
	raise(SIGHUP);
	poller_wait(&poller, INT64_MIN, INT64_MAX - 1);
	raise(SIGHUP);
	poller_wait(&poller, 0, INT64_MAX - 1);
	assert_int_equal(poller_take_signal(&poller, SIGHUP), 2);
	poller_free(&poller);
}

static void
counts_signals(void **state)
{
	Poller poller;
	Error error;

	(void) state;
	assert_true(poller_init(&poller, &error));
	assert_int_equal(poller_take_signal(&poller, SIGTERM), 0);
	raise(SIGTERM);
	raise(SIGTERM);
	raise(SIGUSR1);
	poller_wait(&poller, clock_mono(), MONO_NEVER); /* wakes */
	assert_int_equal(poller_take_signal(&poller, SIGTERM), 2);
	assert_int_equal(poller_take_signal(&poller, SIGTERM), 0);
	assert_int_equal(poller_take_signal(&poller, SIGUSR1), 1);
	assert_int_equal(poller_take_signal(&poller, SIGINT), 0);
	assert_int_equal(poller_take_signal(&poller, SIGUSR2), 0);
	assert_int_equal(poller_take_signal(&poller, SIGCHLD), 0);
	poller_free(&poller);
}

/* More signals than the pipe holds bytes. */
static void
a_flood_of_signals_is_counted(void **state)
{
	Poller poller;
	Error error;

	(void) state;
	assert_true(poller_init(&poller, &error));
	for (int i = 0; i < 100000; i++)
		raise(SIGHUP);
	poller_wait(&poller, clock_mono(), MONO_NEVER);
	assert_int_equal(poller_take_signal(&poller, SIGHUP), 100000);
	/* The pipe was emptied. */
	poller_wait(&poller, 0, 0);
	assert_false(poller_ready(&poller, 0));
	poller_free(&poller);
}

static pthread_t waiting;
static pthread_barrier_t barrier;

static void *
send_signal(void *arg)
{
	(void) arg;
	pthread_barrier_wait(&barrier);
	pthread_kill(waiting, SIGTERM);
	return NULL;
}

static void
a_signal_ends_a_wait(void **state)
{
	Poller poller;
	Error error;
	pthread_t thread;

	(void) state;
	assert_true(poller_init(&poller, &error));
	waiting = pthread_self();
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, send_signal, NULL), 0);
	pthread_barrier_wait(&barrier);
	while (poller_take_signal(&poller, SIGTERM) == 0)
		poller_wait(&poller, clock_mono(), MONO_NEVER);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	poller_free(&poller);
}

static void
a_broken_pipe_is_an_error_code(void **state)
{
	Poller poller;
	Error error;

	(void) state;
	assert_true(poller_init(&poller, &error));
	close(pipes[0]);
	assert_int_equal(write(pipes[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	pipes[0] = dup(pipes[1]);
	poller_free(&poller);
}

static void
one_poller_has_the_signals(void **state)
{
	Poller first;
	Poller second;
	Poller plain;
	Error error;
	int slot;

	(void) state;
	assert_true(poller_init(&first, &error));
	assert_false(poller_init(&second, &error));
	assert_int_equal(error.error_class, ERROR_CLASS_BUG);

	poller_init_plain(&plain);
	slot = poller_add(&plain);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	poller_watch(&plain, slot, pipes[0], POLLIN);
	poller_wait(&plain, 0, MONO_NEVER);
	assert_true(poller_ready(&plain, slot));
	poller_free(&plain);

	/* The first one still has them. */
	raise(SIGHUP);
	poller_wait(&first, 0, MONO_NEVER);
	assert_int_equal(poller_take_signal(&first, SIGHUP), 1);
	poller_free(&first);
	assert_true(poller_init(&second, &error));
	poller_free(&second);
}

static void
holds_as_many_as_it_says(void **state)
{
	Poller poller;
	int status;
	pid_t pid;

	(void) state;
	poller_init_plain(&poller);
	for (int i = 1; i < POLLER_MAX; i++)
		assert_int_equal(poller_add(&poller), i);

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
	{
		signal(SIGABRT, SIG_DFL);
		poller_add(&poller);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sees_a_ready_descriptor, setup, teardown),
		cmocka_unit_test_setup_teardown(no_interest_is_no_hangup, setup, teardown),
		cmocka_unit_test(waits_are_rounded_up),
		cmocka_unit_test(a_time_in_the_past_does_not_wait),
		cmocka_unit_test(far_times_do_not_overflow),
		cmocka_unit_test(counts_signals),
		cmocka_unit_test(a_flood_of_signals_is_counted),
		cmocka_unit_test(a_signal_ends_a_wait),
		cmocka_unit_test_setup_teardown(a_broken_pipe_is_an_error_code, setup, teardown),
		cmocka_unit_test_setup_teardown(one_poller_has_the_signals, setup, teardown),
		cmocka_unit_test(holds_as_many_as_it_says),
	};

	return cmocka_run_group_tests_name("poller", tests, NULL, NULL);
}
