/*
 * id_set.c
 *	  Ids of events, by open addressing.
 *
 * Refuses one id more than it was made for.
 *
 * Invariants: at most half of the slots are used, so a search ends; an entry stays
 * where it is while the set lives; nothing is allocated after the beginning.
 */
#include "id_set.h"

#include <stdlib.h>
#include <string.h>

#define IDS_MAX (UINT64_C(1) << 32)

struct IdSet
{
	IdEntry *slots;
	uint64_t mask;
	uint64_t limit;
	uint64_t count;
};

IdSet *
id_set_create(uint64_t ids)
{
	IdSet *set = calloc(1, sizeof(*set));
	uint64_t slots = 2;

	if (set == NULL || ids > IDS_MAX)
	{
		free(set);
		return NULL;
	}
	while (slots < 2 * ids)
		slots *= 2;
	set->slots = calloc(slots, sizeof(*set->slots));
	set->mask = slots - 1;
	set->limit = ids;
	if (set->slots == NULL)
	{
		free(set);
		return NULL;
	}
	return set;
}

void
id_set_free(IdSet *set)
{
	if (set == NULL)
		return;
	free(set->slots);
	free(set);
}

/* The first bits of an id are its time: all of it is mixed. */
static uint64_t
hash_id(const uint8_t *id)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (int i = 0; i < UUID_SIZE; i++)
		hash = (hash ^ id[i]) * UINT64_C(1099511628211);
	return hash ^ hash >> 32;
}

/* The slot that has the id, or the empty one where it belongs. */
static IdEntry *
find_slot(IdSet *set, const uint8_t *id)
{
	uint64_t at = hash_id(id) & set->mask;

	while (set->slots[at].used && memcmp(set->slots[at].id, id, UUID_SIZE) != 0)
		at = (at + 1) & set->mask;
	return &set->slots[at];
}

IdEntry *
id_set_find(IdSet *set, const uint8_t *id)
{
	IdEntry *entry = find_slot(set, id);

	return entry->used ? entry : NULL;
}

IdEntry *
id_set_add(IdSet *set, const uint8_t *id)
{
	IdEntry *entry = find_slot(set, id);

	if (entry->used)
		return entry;
	if (set->count == set->limit)
		return NULL;
	*entry = (IdEntry){.used = true};
	memcpy(entry->id, id, UUID_SIZE);
	set->count++;
	return entry;
}

uint64_t
id_set_count(const IdSet *set)
{
	return set->count;
}

IdEntry *
id_set_next(IdSet *set, uint64_t *cursor)
{
	while (*cursor <= set->mask)
	{
		IdEntry *entry = &set->slots[(*cursor)++];

		if (entry->used)
			return entry;
	}
	return NULL;
}
