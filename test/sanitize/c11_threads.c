/*
 * c11_threads.c
 *	  C11's threads by way of POSIX's, for builds with ThreadSanitizer.
 *
 * librdkafka takes C11's, which ThreadSanitizer (gcc 12) doesn't see: what its locks keep apart would look like
 * races, and its threads would be unknown.  The dynamic linker finds these first.  In glibc mtx_t and cnd_t are
 * what POSIX calls them, and so they are for what isn't here.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "a mutex has room in one of C11");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "a condition has room in one of C11");

typedef struct Start
{
	thrd_start_t function;
	void *arg;
} Start;

static int
result_of(int problem)
{
	switch (problem)
	{
		case 0:
			return thrd_success;
		case EBUSY:
			return thrd_busy;
		case ETIMEDOUT:
			return thrd_timedout;
		case ENOMEM:
			return thrd_nomem;
		default:
			return thrd_error;
	}
}

static void *
begin(void *arg)
{
	Start start = *(Start *) arg;

	free(arg);
	return (void *) (intptr_t) start.function(start.arg);
}

int
thrd_create(thrd_t *thread, thrd_start_t function, void *arg)
{
	Start *start = malloc(sizeof(*start));
	int problem;

	if (start == NULL)
		return thrd_nomem;
	*start = (Start){function, arg};
	problem = pthread_create(thread, NULL, begin, start);
	if (problem != 0)
		free(start);
	return result_of(problem);
}

int
thrd_join(thrd_t thread, int *result)
{
	void *returned;
	int problem = pthread_join(thread, &returned);

	if (problem == 0 && result != NULL)
		*result = (int) (intptr_t) returned;
	return result_of(problem);
}

int
mtx_init(mtx_t *mutex, int type)
{
	pthread_mutexattr_t attributes;
	int problem;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE
																	   : PTHREAD_MUTEX_NORMAL);
	problem = pthread_mutex_init((pthread_mutex_t *) mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return result_of(problem);
}

void
mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy((pthread_mutex_t *) mutex);
}

int
mtx_lock(mtx_t *mutex)
{
	return result_of(pthread_mutex_lock((pthread_mutex_t *) mutex));
}

int
mtx_trylock(mtx_t *mutex)
{
	return result_of(pthread_mutex_trylock((pthread_mutex_t *) mutex));
}

int
mtx_unlock(mtx_t *mutex)
{
	return result_of(pthread_mutex_unlock((pthread_mutex_t *) mutex));
}

int
cnd_init(cnd_t *condition)
{
	return result_of(pthread_cond_init((pthread_cond_t *) condition, NULL));
}

void
cnd_destroy(cnd_t *condition)
{
	pthread_cond_destroy((pthread_cond_t *) condition);
}

int
cnd_signal(cnd_t *condition)
{
	return result_of(pthread_cond_signal((pthread_cond_t *) condition));
}

int
cnd_broadcast(cnd_t *condition)
{
	return result_of(pthread_cond_broadcast((pthread_cond_t *) condition));
}

int
cnd_wait(cnd_t *condition, mtx_t *mutex)
{
	return result_of(pthread_cond_wait((pthread_cond_t *) condition, (pthread_mutex_t *) mutex));
}

int
cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until)
{
	return result_of(
		pthread_cond_timedwait((pthread_cond_t *) condition, (pthread_mutex_t *) mutex, until));
}
