/*
 * places.h
 *	  Where a comparison finds its programs, has its servers, and puts its report.
 */
#ifndef OUTBOX_COMPARE_PLACES_H
#define OUTBOX_COMPARE_PLACES_H

#include <limits.h>

#include "compare_options.h"

typedef struct Places
{
	char program_dir[PATH_MAX]; /* where outbox-relay and outbox-consumer are */
	char tree[PATH_MAX];		/* where scripts/ is */
	char dir[PATH_MAX];			/* of the servers */
	char report[PATH_MAX];		/* report.json */
} Places;

/*
 * Makes the servers' directory, a private one below TMPDIR unless it is given, and those above
 * the report.  What couldn't be used later is refused now.
 */
extern MUST_CHECK bool places_find(Places *places, const CompareConfig *config, Error *error);

/* What the servers and daemons said, beside the report, before it is removed with them. */
extern void places_save_logs(const Places *places);

#endif
