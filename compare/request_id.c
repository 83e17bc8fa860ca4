/*
 * request_id.c
 *	  Makes and reads request ids.  Refuses ids of another seed or another rule.
 */
#include "request_id.h"

#include <string.h>

#include "random.h"

#define SEED_BYTES 6
#define RUN_AT 9
#define NUMBER_AT 12

void
request_id_make(uint64_t seed, uint32_t run, Mode mode, uint32_t number, uint8_t *id)
{
	Random random;
	uint64_t hash;

	random_seed(&random, seed);
	hash = random_next(&random);
	memset(id, 0, UUID_SIZE);
	for (int i = 0; i < SEED_BYTES; i++)
		id[i] = (uint8_t) (hash >> (8 * i));
	id[6] = 0x80;
	id[7] = (uint8_t) mode;
	id[8] = 0x80;
	id[RUN_AT] = (uint8_t) (run >> 8);
	id[RUN_AT + 1] = (uint8_t) run;
	for (int i = 0; i < 4; i++)
		id[NUMBER_AT + i] = (uint8_t) (number >> (24 - 8 * i));
}

bool
request_id_read(const uint8_t *id, uint64_t seed, uint32_t *run, Mode *mode, uint32_t *number)
{
	uint8_t made[UUID_SIZE];
	uint32_t value = 0;
	uint32_t made_in;

	if (id[7] >= MODE_COUNT)
		return false;
	for (int i = 0; i < 4; i++)
		value = value << 8 | id[NUMBER_AT + i];
	made_in = (uint32_t) id[RUN_AT] << 8 | id[RUN_AT + 1];
	request_id_make(seed, made_in, (Mode) id[7], value, made);
	if (memcmp(made, id, UUID_SIZE) != 0)
		return false;
	*run = made_in;
	*mode = (Mode) id[7];
	*number = value;
	return true;
}
