/*
 * reload.h
 *	  What became of the last reload of the configuration.  The start counts as one.
 */
#ifndef OUTBOX_COMMON_RELOAD_H
#define OUTBOX_COMMON_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

#define RELOAD_PROBLEM_SIZE 512

typedef struct ReloadInfo
{
	bool successful;
	UnixUsec at;
	uint64_t count;					   /* reloads, whatever became of them */
	char problem[RELOAD_PROBLEM_SIZE]; /* of one that failed: the old configuration stays */
} ReloadInfo;

#endif
