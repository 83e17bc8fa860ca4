/*
 * scenario_store.h
 *	  The scenarios that come with the program, and those in files of one's own.
 */
#ifndef OUTBOX_COMPARE_SCENARIO_STORE_H
#define OUTBOX_COMPARE_SCENARIO_STORE_H

#include "scenario.h"

typedef struct StoredScenario
{
	const char *name;
	const char *text; /* the file's */
} StoredScenario;

/* In the order of their names; the last one has no name. */
extern const StoredScenario *scenario_store(void);

/*
 * By the name of one that comes with the program, or by the path of a file, which
 * has a slash or ends in ".scenario".  *text gets what the file says and is the
 * caller's to free, also on failure.
 */
extern MUST_CHECK bool scenario_find(const char *name, Scenario *scenario, char **text,
									 Error *error);

#endif
