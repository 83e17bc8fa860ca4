/*
 * suite.h
 *	  The scenarios that were asked for, one after the other.
 */
#ifndef OUTBOX_COMPARE_SUITE_H
#define OUTBOX_COMPARE_SUITE_H

#include "compare_options.h"

typedef struct SuiteEntry
{
	Scenario scenario; /* with what was asked for in place of its own */
	char *file;		   /* its text */
} SuiteEntry;

typedef struct Suite
{
	SuiteEntry *entries;
	int count;
	bool endless; /* until it is interrupted */
} Suite;

/* One that fails by hand alone, and doesn't end. */
extern MUST_CHECK bool suite_by_hand(Suite *suite, const CompareConfig *config, Error *error);

/* By their names or paths; with config->all every one that comes with the program. */
extern MUST_CHECK bool suite_load(Suite *suite, const CompareConfig *config, char *const *names,
								  int count, Error *error);
extern void suite_free(Suite *suite); /* also after a failure */

extern int64_t suite_shortest_usec(const Suite *suite);
extern bool suite_has_kind(const Suite *suite, ScenarioKind kind);
extern bool suite_has_fault(const Suite *suite, FaultKind kind);

#endif
