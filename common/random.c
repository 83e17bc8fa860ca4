/*
 * random.c
 *	  SplitMix64.  All state is the caller's.
 */
#include "random.h"

#include <sys/random.h>
#include <unistd.h>

#include "clock.h"

void
random_seed(Random *random, uint64_t seed)
{
	random->state = seed;
}

uint64_t
random_seed_from_system(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t) sizeof(seed))
		return seed;
	/* Early in a boot: good enough for jitter. */
	return (uint64_t) clock_wall() * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t) getpid() ^
		   ((uint64_t) clock_mono() << 32);
}

uint64_t
random_next(Random *random)
{
	uint64_t z;

	random->state += UINT64_C(0x9E3779B97F4A7C15);
	z = random->state;
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

uint64_t
random_below(Random *random, uint64_t bound)
{
	/* 2^64 mod bound: numbers below it would make the small results likelier. */
	uint64_t reject_below = (0 - bound) % bound;
	uint64_t number;

	do
	{
		number = random_next(random);
	} while (number < reject_below);
	return number % bound;
}

double
random_unit(Random *random)
{
	return (double) (random_next(random) >> 11) * 0x1.0p-53;
}
