/*
 * sizer.c
 *	  Growing, shrinking and halving.
 */
#include "sizer.h"

#define FIRST_SIZE 256

void
sizer_init(Sizer *sizer, size_t max, int64_t target_usec)
{
	sizer->max = max;
	sizer->size = max < FIRST_SIZE ? max : FIRST_SIZE;
	sizer->quick_usec = target_usec / 2;
	sizer->slow_usec = target_usec;
	sizer->suspects = 0;
}

size_t
sizer_next(const Sizer *sizer, size_t left, size_t probe)
{
	size_t next = sizer->size;

	if (sizer->suspects > 0)
		next = sizer->suspects > 1 ? sizer->suspects / 2 : 1;
	if (probe > 0 && next > probe)
		next = probe;
	return next < left ? next : left;
}

void
sizer_succeeded(Sizer *sizer, size_t count, int64_t took_usec)
{
	if (sizer->suspects > 0)
	{
		sizer->suspects = count < sizer->suspects ? sizer->suspects - count : 0;
		return;
	}
	if (took_usec > sizer->slow_usec && count > 1)
		sizer->size = count > 2 ? count / 2 : 1;
	else if (took_usec < sizer->quick_usec && count >= sizer->size)
		sizer->size = sizer->size < sizer->max / 2 ? sizer->size * 2 : sizer->max;
}

void
sizer_timed_out(Sizer *sizer)
{
	sizer->size = sizer->size > 1 ? sizer->size / 2 : 1;
}

bool
sizer_data_error(Sizer *sizer, size_t count)
{
	sizer->suspects = count;
	return count == 1;
}

void
sizer_forget(Sizer *sizer)
{
	sizer->suspects = 0;
}
