/*
 * run.h
 *	  A comparison: one stage, on which one scenario after the other is played, and
 *	  one report.
 */
#ifndef OUTBOX_COMPARE_RUN_H
#define OUTBOX_COMPARE_RUN_H

#include "compare_options.h"
#include "interrupt.h"
#include "suite.h"

typedef struct RunConfig
{
	const CompareConfig *compare;
	const Suite *suite;
	const char *dir;		 /* for the stage: exists, empty, ours */
	const char *tree;		 /* where scripts/ is */
	const char *program_dir; /* where outbox-relay and outbox-consumer are */
	const char *report_path;
} RunConfig;

/*
 * True when the comparison came to its end; *passed is then its verdict: every run passed, and
 * there was one.  The report is written after each run and says so when there were to be more, and everything that was started is stopped in any case.
 */
extern MUST_CHECK bool run_compare(const RunConfig *config, Interrupt *interrupt, bool *passed,
								   Error *error);

#endif
