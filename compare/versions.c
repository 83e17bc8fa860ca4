/*
 * versions.c
 *	  The table of drivers.
 */
#include "versions.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 256

/* FNV-1a. */
static uint64_t
hash_text(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t) *text) * UINT64_C(1099511628211);
	return hash;
}

/* Its entry, or the free one where it belongs. */
static VersionEntry *
find(VersionEntry *entries, size_t size, const char *driver_id)
{
	size_t at = hash_text(driver_id) & (size - 1);

	while (entries[at].driver_id[0] != '\0' && strcmp(entries[at].driver_id, driver_id) != 0)
		at = (at + 1) & (size - 1);
	return &entries[at];
}

static bool
grow(Versions *versions)
{
	size_t size = versions->size == 0 ? FIRST_SIZE : 2 * versions->size;
	VersionEntry *entries = calloc(size, sizeof(*entries));

	if (entries == NULL)
		return false;
	for (size_t i = 0; i < versions->size; i++)
	{
		if (versions->entries[i].driver_id[0] != '\0')
			*find(entries, size, versions->entries[i].driver_id) = versions->entries[i];
	}
	free(versions->entries);
	versions->entries = entries;
	versions->size = size;
	return true;
}

int64_t
versions_next(Versions *versions, const char *driver_id, UnixUsec now)
{
	VersionEntry *entry;

	if (2 * (versions->used + 1) > versions->size && !grow(versions))
		return 0;
	entry = find(versions->entries, versions->size, driver_id);
	if (entry->driver_id[0] == '\0')
	{
		memcpy(entry->driver_id, driver_id, strlen(driver_id) + 1);
		versions->used++;
	}
	entry->last = now > entry->last ? now : entry->last + 1;
	return entry->last;
}

void
versions_free(Versions *versions)
{
	free(versions->entries);
	*versions = (Versions){.entries = NULL};
}
