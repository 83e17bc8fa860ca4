/*
 * topic_map.c
 *	  The recorded partition count of each topic, and what a topic may be called.  Pure.
 *
 * Refuses a name that Kafka wouldn't take, a count of 0, another count for a topic
 * that is there (the place of an event must not change), and more topics than
 * TOPIC_MAP_MAX.
 *
 * Invariants: an index and the name behind it stay while the map lives; nothing is
 * ever removed; the table is at most half full, so a search ends.
 */
#include "exit_codes.h"
#include "route.h"

#include <stdlib.h>
#include <string.h>

#define TOPIC_MAP_MAX 65536
#define FIRST_SLOTS 64 /* a power of two */

typedef struct Topic
{
	char *name;
	uint32_t partitions;
} Topic;

struct TopicMap
{
	Topic *topics; /* room for slot_count / 2 */
	uint32_t count;
	uint32_t *slots; /* index + 1, 0: empty; open addressing */
	uint32_t slot_count;
};

static bool
topic_byte_valid(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		   c == '_' || c == '-';
}

bool
topic_name_valid(const char *topic, size_t len)
{
	if (len == 0 || len > TOPIC_NAME_MAX)
		return false;
	if (topic[0] == '.' && (len == 1 || (len == 2 && topic[1] == '.')))
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (!topic_byte_valid((uint8_t) topic[i]))
			return false;
	}
	return true;
}

static uint32_t
hash_name(const char *name)
{
	uint32_t hash = UINT32_C(2166136261); /* FNV-1a */

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t) *name) * UINT32_C(16777619);
	return hash;
}

/* The slot that holds the name, or the empty one where it belongs. */
static uint32_t
find_slot(const TopicMap *map, const char *name)
{
	uint32_t mask = map->slot_count - 1;
	uint32_t slot = hash_name(name) & mask;

	while (map->slots[slot] != 0 && strcmp(map->topics[map->slots[slot] - 1].name, name) != 0)
		slot = (slot + 1) & mask;
	return slot;
}

TopicMap *
topic_map_create(void)
{
	TopicMap *map = calloc(1, sizeof(*map));

	if (map == NULL)
		return NULL;
	map->slot_count = FIRST_SLOTS;
	map->slots = calloc(map->slot_count, sizeof(*map->slots));
	map->topics = calloc(map->slot_count / 2, sizeof(*map->topics));
	if (map->slots == NULL || map->topics == NULL)
	{
		topic_map_free(map);
		return NULL;
	}
	return map;
}

void
topic_map_free(TopicMap *map)
{
	if (map == NULL)
		return;
	for (uint32_t i = 0; i < map->count; i++)
		free(map->topics[i].name);
	free(map->topics);
	free(map->slots);
	free(map);
}

static bool
grow(TopicMap *map)
{
	uint32_t slot_count = map->slot_count * 2;
	Topic *topics = realloc(map->topics, slot_count / 2 * sizeof(*topics));
	uint32_t *slots;

	if (topics == NULL)
		return false;
	map->topics = topics;
	slots = calloc(slot_count, sizeof(*slots));
	if (slots == NULL)
		return false;
	free(map->slots);
	map->slots = slots;
	map->slot_count = slot_count;
	for (uint32_t i = 0; i < map->count; i++)
		map->slots[find_slot(map, map->topics[i].name)] = i + 1;
	return true;
}

bool
topic_map_add(TopicMap *map, const char *topic, uint32_t partitions, Error *error)
{
	uint32_t slot;
	char *name;

	if (!topic_name_valid(topic, strlen(topic)))
		return error_permanent(error, EXIT_ROUTING, "recorded topic has no legal name");
	if (partitions == 0 || partitions > INT32_MAX)
		return error_permanent(error, EXIT_ROUTING,
							   "recorded topic \"%s\" has an impossible number of partitions",
							   topic);
	slot = find_slot(map, topic);
	if (map->slots[slot] != 0)
	{
		uint32_t recorded = map->topics[map->slots[slot] - 1].partitions;

		return recorded == partitions ||
			   error_permanent(error, EXIT_ROUTING,
							   "topic \"%s\" is recorded with %u partitions, not %u", topic,
							   (unsigned) recorded, (unsigned) partitions);
	}
	if (map->count == TOPIC_MAP_MAX)
		return error_permanent(error, EXIT_ROUTING, "more than %d topics", TOPIC_MAP_MAX);
	if (map->count == map->slot_count / 2)
	{
		if (!grow(map))
			return error_bug(error, "out of memory");
		slot = find_slot(map, topic);
	}
	name = strdup(topic);
	if (name == NULL)
		return error_bug(error, "out of memory");
	map->topics[map->count] = (Topic){name, partitions};
	map->slots[slot] = ++map->count;
	return true;
}

bool
topic_map_find(const TopicMap *map, const char *topic, uint32_t *index, uint32_t *partitions)
{
	uint32_t slot = find_slot(map, topic);

	if (map->slots[slot] == 0)
		return false;
	*index = map->slots[slot] - 1;
	*partitions = map->topics[*index].partitions;
	return true;
}

uint32_t
topic_map_count(const TopicMap *map)
{
	return map->count;
}

const char *
topic_map_name(const TopicMap *map, uint32_t index, uint32_t *partitions)
{
	if (index >= map->count)
		return NULL;
	*partitions = map->topics[index].partitions;
	return map->topics[index].name;
}
