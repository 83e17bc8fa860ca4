/*
 * price.h
 *	  What each path takes when it is alone and nothing fails: latency, processor time, WAL;
 *	  beside what all parts take while nobody asks for anything.
 */
#ifndef OUTBOX_COMPARE_PRICE_H
#define OUTBOX_COMPARE_PRICE_H

#include "conduct.h"

typedef struct PathPrice
{
	bool measured;
	uint64_t offered;
	double took_s; /* what the cost is of: load and drain */
	Cost cost;
	PathLatency latency;
} PathPrice;

typedef struct Price
{
	double idle_s;
	Cost idle; /* over that time */
	PathPrice paths[MODE_COUNT];
} Price;

/* The scenario's load, for a short time; *number is that of the last run on the stage. */
extern MUST_CHECK bool price_measure(const CompareConfig *compare, const Scenario *scenario,
									 uint32_t *number, Stage *stage, Interrupt *interrupt,
									 Price *price, Error *error);

#endif
