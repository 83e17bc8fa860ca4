/*
 * probe.c
 *	  What the three have in common.
 */
#include "probe.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

void
probe_wait(MonoUsec until)
{
	MonoUsec left = until - clock_mono();
	struct timespec wait = {left / USEC_PER_SEC, left % USEC_PER_SEC * 1000};

	if (left > 0)
		(void) ppoll(NULL, 0, &wait, NULL);
}

void
probe_ready(void)
{
	printf("ready\n");
	(void) fflush(stdout);
}
