/*
 * settle.h
 *	  What the records, samples and rows of a run come to.
 */
#ifndef OUTBOX_COMPARE_SETTLE_H
#define OUTBOX_COMPARE_SETTLE_H

#include "load.h"
#include "observer.h"
#include "pg_audit.h"
#include "report.h"

typedef struct SettleInput
{
	const CompareConfig *config;
	AuditConfig audit;
	const Load *load;
	const Observer *observer;
	MonoUsec start;	  /* of the load */
	MonoUsec down_at; /* 0: the target was never down */
	MonoUsec back_at;
	MonoUsec drained_at; /* 0: something was still missing at the end */
	bool quiet;			 /* nothing was on its way any more at the end */
} SettleInput;

/* Fills the report; its timeline is the caller's to free, also on failure. */
extern MUST_CHECK bool settle_report(const SettleInput *input, Report *report, Error *error);

#endif
