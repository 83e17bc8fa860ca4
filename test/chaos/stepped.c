/*
 * stepped.c
 *	  A wall clock that can be stepped, for one process: a library to preload.
 *
 * STEPPED_CLOCK names a file of two 64-bit numbers: how many microseconds the clock is ahead
 * (written by whoever steps it), and how often the process was told a time while that wasn't 0.
 *
 * It does what the kernel does when CLOCK_REALTIME is set.  The monotonic clock stays as it is.
 * A wait until a time of the wall clock (cnd_timedwait() has no other) ends when the stepped clock
 * says so: at once after a step ahead, and an hour late after a step back by an hour.  Waits for a
 * duration don't change.  A library that moved the time and not the waits would make these last
 * for an hour after a step ahead, which no kernel does.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define USEC_PER_SEC INT64_C(1000000)
#define NSEC_PER_USEC INT64_C(1000)
/* How often a wait looks whether the clock was stepped meanwhile. */
#define LOOK_USEC INT64_C(20000)

typedef struct
{
	int64_t ahead_usec;
	int64_t told;
} Stepped;

typedef int (*TimedWait)(cnd_t *, mtx_t *, const struct timespec *);

static Stepped *stepped;
static TimedWait real_timedwait;

/* Before main(), and before any other thread: a process without its file can't be judged. */
__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("STEPPED_CLOCK");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *found = fd >= 0 ? mmap(NULL, sizeof(Stepped), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
						  : MAP_FAILED;

	real_timedwait = (TimedWait) dlsym(RTLD_NEXT, "cnd_timedwait");
	if (found == MAP_FAILED || real_timedwait == NULL)
	{
		fprintf(stderr, "stepped: no file STEPPED_CLOCK, or no cnd_timedwait()\n");
		_exit(127);
	}
	close(fd);
	stepped = found;
}

/* 0 as long as this library isn't set up. */
static int64_t
ahead(void)
{
	return stepped != NULL ? __atomic_load_n(&stepped->ahead_usec, __ATOMIC_SEQ_CST) : 0;
}

static int64_t
ahead_told(void)
{
	int64_t usec = ahead();

	if (usec != 0)
		(void) __atomic_add_fetch(&stepped->told, 1, __ATOMIC_SEQ_CST);
	return usec;
}

static void
add_usec(struct timespec *at, int64_t usec)
{
	int64_t nsec = at->tv_nsec + usec % USEC_PER_SEC * NSEC_PER_USEC;

	at->tv_sec += usec / USEC_PER_SEC;
	if (nsec < 0)
	{
		at->tv_sec--;
		nsec += USEC_PER_SEC * NSEC_PER_USEC;
	}
	else if (nsec >= USEC_PER_SEC * NSEC_PER_USEC)
	{
		at->tv_sec++;
		nsec -= USEC_PER_SEC * NSEC_PER_USEC;
	}
	at->tv_nsec = nsec;
}

static int64_t
usec_of(const struct timespec *at)
{
	return at->tv_sec * USEC_PER_SEC + at->tv_nsec / NSEC_PER_USEC;
}

static int
kernel_clock(clockid_t clock, struct timespec *at)
{
	return (int) syscall(SYS_clock_gettime, clock, at);
}

/* -- the clock ---------------------------------------------------------------- */

int
clock_gettime(clockid_t clock, struct timespec *at)
{
	int result = kernel_clock(clock, at);

	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		add_usec(at, ahead_told());
	return result;
}

int
timespec_get(struct timespec *at, int base)
{
	return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, at) == 0 ? base : 0;
}

/* The second argument is obsolete, and nobody here gives one. */
int
gettimeofday(struct timeval *restrict at, void *restrict zone)
{
	struct timespec now;
	int result = clock_gettime(CLOCK_REALTIME, &now);

	(void) zone;
	at->tv_sec = now.tv_sec;
	at->tv_usec = now.tv_nsec / NSEC_PER_USEC;
	return result;
}

time_t
time(time_t *at)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	if (at != NULL)
		*at = now.tv_sec;
	return now.tv_sec;
}

/* -- waits until a time ------------------------------------------------------- */

static int64_t
left_until(const struct timespec *deadline, struct timespec *now)
{
	(void) kernel_clock(CLOCK_REALTIME, now);
	return usec_of(deadline) - ahead() - usec_of(now);
}

/*
 * Between two looks it returns as if it had been woken: whoever waits has to expect that, and nothing
 * that is signalled meanwhile is missed.
 */
int
cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
			  const struct timespec *restrict deadline)
{
	struct timespec now;
	int64_t left = left_until(deadline, &now);
	struct timespec until = now;
	int result;

	add_usec(&until, left < LOOK_USEC ? left : LOOK_USEC);
	result = real_timedwait(condition, mutex, &until);
	return result == thrd_timedout && left > LOOK_USEC ? thrd_success : result;
}
