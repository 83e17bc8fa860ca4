/*
 * request_id.c
 *	  Makes and reads request ids.  Refuses ids of another seed or another rule.
 */
#include "request_id.h"

#include <string.h>

#include "random.h"

#define SEED_BYTES 6
#define NUMBER_AT 12

void
request_id_make(uint64_t seed, Mode mode, uint32_t number, uint8_t *id)
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
	for (int i = 0; i < 4; i++)
		id[NUMBER_AT + i] = (uint8_t) (number >> (24 - 8 * i));
}

bool
request_id_read(const uint8_t *id, uint64_t seed, Mode *mode, uint32_t *number)
{
	uint8_t made[UUID_SIZE];
	uint32_t value = 0;

	if (id[7] >= MODE_COUNT)
		return false;
	for (int i = 0; i < 4; i++)
		value = value << 8 | id[NUMBER_AT + i];
	request_id_make(seed, (Mode) id[7], value, made);
	if (memcmp(made, id, UUID_SIZE) != 0)
		return false;
	*mode = (Mode) id[7];
	*number = value;
	return true;
}
