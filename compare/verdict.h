/*
 * verdict.h
 *	  What was expected of a run, what was measured, and whether all of it held.
 */
#ifndef OUTBOX_COMPARE_VERDICT_H
#define OUTBOX_COMPARE_VERDICT_H

#include "scenario.h"

/* Beside those of the scenario each ledger has one. */
#define VERDICT_LEDGERS_MAX 16
#define VERDICT_MAX (SCENARIO_EXPECTATIONS_MAX + VERDICT_LEDGERS_MAX)

typedef struct Judged
{
	Mode mode;		 /* of the paths kind */
	ShopPath path;	 /* of the inventory kind */
	Service service; /* SERVICE_COUNT: all of them together */
	char text[SCENARIO_TEXT_SIZE];
	MeasureUnit unit;
	double measured;
	bool held;
} Judged;

typedef struct Verdict
{
	bool passed; /* as far as it goes: what comes can only make it false */
	Judged all[VERDICT_MAX];
	int count;
} Verdict;

extern void verdict_begin(Verdict *verdict, bool passed);
extern void verdict_expect(Verdict *verdict, const Expectation *expectation,
						   const Measured *measured);
/* whose: its mode, or its path and service. */
extern void verdict_ledger(Verdict *verdict, const Judged *whose, bool closes);

#endif
