/*
 * report.h
 *	  What a run found: as a table for people and as JSON for programs.
 *
 * report.json:
 *	{"modes": {"direct": {...}, "outbox": {...}},	numbers of the ledger, latencies
 *	 "settings": {...},		what was asked for; times end in _s or _ms
 *	 "run": {...},			what happened: when the target was down, the verdict
 *	 "timeline": [...]}		one element a second
 * Members may be added; those that are there keep their names and meanings.
 */
#ifndef OUTBOX_COMPARE_REPORT_H
#define OUTBOX_COMPARE_REPORT_H

#include <stdio.h>

#include "compare_options.h"
#include "path_result.h"
#include "timeline.h"

typedef struct Report
{
	const CompareConfig *config;
	PathResult paths[MODE_COUNT];
	Timeline timeline;
	double down_at_s; /* when the target was down, from the start of the load */
	double back_at_s; /* when it served again; both 0: never down */
	double took_s;	  /* from the first request to the end of the drain */
	bool passed;
} Report;

/* The ledgers of the outbox modes are clean, and every other one closes. */
extern bool report_verdict(const Report *report);

extern void report_print_settings(const CompareConfig *config, FILE *out);
extern void report_print(const Report *report, FILE *out);
extern MUST_CHECK bool report_write(const Report *report, const char *path, Error *error);

#endif
