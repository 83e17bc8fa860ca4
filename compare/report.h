/*
 * report.h
 *	  What a run came to: judged, as a table for people, and as JSON for programs.
 */
#ifndef OUTBOX_COMPARE_REPORT_H
#define OUTBOX_COMPARE_REPORT_H

#include <stdio.h>

#include "compare_options.h"
#include "cost.h"
#include "fault.h"
#include "path_result.h"
#include "timeline.h"
#include "verdict.h"

/* As it happened, in seconds from the start of the load. */
typedef struct FaultReport
{
	char text[SCENARIO_TEXT_SIZE];
	double from_s;	/* less than 0: it never came */
	double until_s; /* the part served again; less than 0: it never did */
} FaultReport;

typedef struct RunReport
{
	uint64_t seed;
	int repeat; /* 1, 2, … */
	bool interrupted;
	double load_s; /* how long requests were sent */
	double took_s; /* from the first request to the end of the drain */
	FaultReport faults[FAULTS_MAX];
	int fault_count;
	Verdict verdict;
	PathResult paths[MODE_COUNT]; /* of those that are compared */
	Cost cost;
	Timeline timeline;
} RunReport;

/*
 * Fills the verdict: the scenario's expectations, and that every ledger closes.  An
 * interrupted run is not judged, and has not passed; nor has one whose faults didn't all come.
 */
extern void report_judge(RunReport *report, const Scenario *scenario, const bool *modes);

extern void report_print_settings(const CompareConfig *config, int64_t breaker_reset_usec,
								  FILE *out);
/* Those that count where all scenarios are of the inventory kind. */
extern void report_print_inventory_settings(const CompareConfig *config, int64_t breaker_reset_usec,
											FILE *out);
extern void report_print_scenario(const Scenario *scenario, FILE *out);

/* How a run ended, in a line. */
typedef struct RunEnd
{
	bool interrupted;
	bool passed;
	int held;
	int expected;
	uint64_t seed;
	double took_s;
} RunEnd;

/* Whether all that was to fail did fail. */
extern bool report_faults_came(const FaultReport *faults, int count);

/* As they stand in the tables; below 0 it never was. */
#define REPORT_TEXT_SIZE 32
extern const char *report_ms(double ms, char *text);
extern const char *report_seconds(double s, const char *never, char *text);

/* "direct rejected: 120 times what it would be stored in was away", unless nothing was. */
extern void report_print_reasons(const char *path, const uint64_t *reasons, FILE *out);
extern void report_print_failed(const char *who, const Judged *judged, FILE *out);
extern void report_print_faults(const FaultReport *faults, int count, FILE *out);
extern void report_print_end(const RunEnd *end, FILE *out);
extern void report_print_run(const RunReport *report, const bool *modes, FILE *out);

#endif
