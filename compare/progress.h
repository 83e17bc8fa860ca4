/*
 * progress.h
 *	  The line that shows how a run goes: rewritten in place on a terminal,
 *	  printed now and then elsewhere.
 */
#ifndef OUTBOX_COMPARE_PROGRESS_H
#define OUTBOX_COMPARE_PROGRESS_H

#include <stdio.h>

#include "load.h"
#include "sample.h"

typedef struct Progress
{
	FILE *out;
	bool terminal;
	bool open; /* a line without its end stands there */
	const bool *modes;
	MonoUsec start;
	MonoUsec next_at;
	Phase phase;
	int breaker;
} Progress;

extern void progress_init(Progress *progress, const bool *modes, MonoUsec start, FILE *out);

/* Prints when it is time to, or when the phase or the breaker has changed. */
extern void progress_show(Progress *progress, const Load *load, const Sample *sample, MonoUsec now);

/* Ends the line, so that others can print. */
extern void progress_end(Progress *progress);

#endif
