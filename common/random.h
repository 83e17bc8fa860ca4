/*
 * random.h
 *	  A small seeded generator (SplitMix64, Steele, Lea and Flood 2014) for
 *	  jitter, load and tests.  Not for secrets.
 */
#ifndef OUTBOX_COMMON_RANDOM_H
#define OUTBOX_COMMON_RANDOM_H

#include <stdint.h>

typedef struct Random
{
	uint64_t state;
} Random;

extern void random_seed(Random *random, uint64_t seed);
extern uint64_t random_seed_from_system(void);
extern uint64_t random_next(Random *random);
extern uint64_t random_below(Random *random,
							 uint64_t bound); /* 0 .. bound - 1, unbiased; bound > 0 */
extern double random_unit(Random *random);	  /* 0 <= x < 1 */

#endif
