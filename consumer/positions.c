/*
 * positions.c
 *	  A handful of sources a partition: a list is enough.
 */
#include "positions.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

void
positions_init(PositionSet *set)
{
	*set = (PositionSet){NULL, 0, 0};
}

void
positions_clear(PositionSet *set)
{
	set->count = 0;
}

void
positions_free(PositionSet *set)
{
	free(set->items);
	positions_init(set);
}

static SourcePosition *
find(const PositionSet *set, const char *source_id)
{
	for (size_t i = 0; i < set->count; i++)
	{
		if (strcmp(set->items[i].source_id, source_id) == 0)
			return &set->items[i];
	}
	return NULL;
}

const Position *
positions_find(const PositionSet *set, const char *source_id)
{
	const SourcePosition *found = find(set, source_id);

	return found != NULL ? &found->position : NULL;
}

PositionVerdict
positions_admit(PositionSet *set, const char *source_id, const Position *position)
{
	SourcePosition *found = find(set, source_id);

	if (found != NULL)
	{
		if (position_compare(position, &found->position) <= 0)
			return POSITION_REPEATED;
		found->position = *position;
		return POSITION_NEW;
	}
	if (set->count == set->capacity)
	{
		size_t capacity = set->capacity == 0 ? 2 : set->capacity * 2;
		SourcePosition *items = realloc(set->items, capacity * sizeof(*items));

		if (items == NULL)
			return POSITION_NO_MEMORY;
		set->items = items;
		set->capacity = capacity;
	}
	found = &set->items[set->count++];
	snprintf(found->source_id, sizeof(found->source_id), "%s", source_id);
	found->position = *position;
	return POSITION_NEW;
}
