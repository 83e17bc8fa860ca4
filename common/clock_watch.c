/*
 * clock_watch.c
 *	  The distance of two clocks, from look to look.
 */
#include "clock_watch.h"

bool
clock_watch_set_back(ClockWatch *watch, MonoUsec mono, UnixUsec wall)
{
	int64_t apart_usec = wall - mono;
	bool set_back = watch->looked && apart_usec <= watch->apart_usec - CLOCK_STEP_USEC;

	watch->apart_usec = apart_usec;
	watch->looked = true;
	return set_back;
}
