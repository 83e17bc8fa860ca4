/*
 * clock.c
 *	  The only file that calls clock_gettime().
 */
#include "clock.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

static int64_t
read_clock(clockid_t id)
{
	struct timespec at;

	clock_gettime(id, &at);
	return (int64_t) at.tv_sec * USEC_PER_SEC + at.tv_nsec / 1000;
}

MonoUsec
clock_mono(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

UnixUsec
clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

PgUsec
clock_pg(void)
{
	return clock_wall() - PG_EPOCH_UNIX_USEC;
}

void
clock_sleep_until(MonoUsec at)
{
	MonoUsec now = clock_mono();
	int64_t ms;

	if (at <= now)
		return;
	ms = (at - now) / USEC_PER_MS + 1;
	(void) poll(NULL, 0, ms > INT_MAX ? INT_MAX : (int) ms);
}

size_t
clock_format(UnixUsec at, char *text)
{
	time_t seconds = (time_t) (at / USEC_PER_SEC);
	int64_t usec = at % USEC_PER_SEC;
	struct tm tm;

	if (usec < 0)
	{
		usec += USEC_PER_SEC;
		seconds--;
	}
	gmtime_r(&seconds, &tm);
	/* strftime() writes the year 7 with one digit. */
	return (size_t) snprintf(text, CLOCK_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
							 tm.tm_year + 1900, (tm.tm_mon + 1) % 100, tm.tm_mday % 100,
							 tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100,
							 (int) (usec / USEC_PER_MS) % 1000);
}
