/*
 * versions.h
 *	  The last version of each driver, for an application that keeps none in a
 *	  database.  Pure; one thread at a time.
 */
#ifndef OUTBOX_COMPARE_VERSIONS_H
#define OUTBOX_COMPARE_VERSIONS_H

#include <stddef.h>

#include "clock.h"
#include "error.h"
#include "location.h"

typedef struct VersionEntry
{
	char driver_id[DRIVER_ID_SIZE]; /* "": free */
	int64_t last;
} VersionEntry;

/* A hash table with open addressing, at most half full. */
typedef struct Versions
{
	VersionEntry *entries;
	size_t size; /* a power of two, or 0 */
	size_t used;
} Versions;

/*
 * The driver's next one: the time, or one more than its last one when that isn't
 * less.  Greater than 0; 0: no memory.
 */
extern int64_t versions_next(Versions *versions, const char *driver_id, UnixUsec now);
extern void versions_free(Versions *versions);

#endif
