/*
 * conduct.h
 *	  One run of a scenario on a stage: load, faults, drain, ledger.
 *
 *	calm ──a fault──▶ fault ──all mended──▶ recovery ──the load ends──▶ drain
 *
 * An interrupt ends the load at once.  Of a run that is endless this is its end, and it drains
 * and is judged like any other; every other run was interrupted then.  Whatever is broken is mended in any case, and
 * what was measured is in the report.
 */
#ifndef OUTBOX_COMPARE_CONDUCT_H
#define OUTBOX_COMPARE_CONDUCT_H

#include "live_feed.h"
#include "report.h"

typedef struct ConductConfig
{
	const CompareConfig *compare;
	const Scenario *scenario;
	uint32_t number; /* of this run on its stage: 1, 2, … */
	int repeat;
	LiveFeed *feed; /* NULL: nobody looks on */
	bool endless;	/* until it is interrupted */
} ConductConfig;

/*
 * True when the report was filled; its timeline is the caller's to free, also on
 * failure.  The stage is whole again when it is true.
 */
extern MUST_CHECK bool conduct(const ConductConfig *config, Stage *stage, Interrupt *interrupt,
							   RunReport *report, Error *error);

#endif
