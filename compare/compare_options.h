/*
 * compare_options.h
 *	  The settings of outbox-compare, as values.
 */
#ifndef OUTBOX_COMPARE_COMPARE_OPTIONS_H
#define OUTBOX_COMPARE_COMPARE_OPTIONS_H

#include "error.h"
#include "ingest_options.h"
#include "mode.h"
#include "options.h"
#include "scenario.h"

extern const OptionTable compare_option_table;

typedef struct CompareConfig
{
	bool all;	/* scenarios */
	bool brief; /* none longer than 20 s */
	bool modes[MODE_COUNT];
	uint32_t rate;		   /* 0: the scenario's; so the duration */
	int64_t duration_usec; /* of the load */
	uint64_t seed;
	int repeat;
	uint32_t drivers;
	int64_t breaker_reset_usec; /* 0: scaled with the duration */
	IngestLimits limits;
	int64_t drain_timeout_usec;
	bool price;			/* measure what each path costs alone */
	const char *live;	/* where the live page listens; NULL: there is none */
	const char *dir;	/* NULL: chosen */
	const char *report; /* NULL: build/compare of the tree */
	bool keep;
} CompareConfig;

/* The strings are those of the options, which must stay. */
extern MUST_CHECK bool compare_config_fill(CompareConfig *config, const Options *options,
										   Error *error);

/* What was asked for in place of the scenario's own. */
extern MUST_CHECK bool compare_config_apply(const CompareConfig *config, Scenario *scenario,
											Error *error);

/* How long the breaker stays open, for scenarios of which the shortest lasts so long. */
extern int64_t compare_breaker_reset(const CompareConfig *config, int64_t shortest_usec);

#endif
