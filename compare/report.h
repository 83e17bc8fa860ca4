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
#include "ledger.h"
#include "timeline.h"

#define NOT_DRAINED (-1.0)

typedef struct ModeReport
{
	LedgerTotals totals;
	double p50_ms; /* of the accepted requests, from the intended start */
	double p99_ms;
	double max_ms;
	double drain_s;	   /* from the target's return until nothing was behind; NOT_DRAINED: never */
	double recovery_s; /* from the target's return until a later request was accepted */
} ModeReport;

typedef struct Report
{
	const CompareConfig *config;
	ModeReport modes[MODE_COUNT];
	Timeline timeline;
	double down_at_s; /* when the target was down, from the start of the load */
	double back_at_s; /* when it served again; both 0: never down */
	double took_s;	  /* from the first request to the end of the drain */
	bool passed;
} Report;

/* The outbox ledger is clean, and every other ledger closes. */
extern bool report_verdict(const Report *report);

extern void report_print_settings(const CompareConfig *config, FILE *out);
extern void report_print(const Report *report, FILE *out);
extern MUST_CHECK bool report_write(const Report *report, const char *path, Error *error);

#endif
