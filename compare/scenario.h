/*
 * scenario.h
 *	  A scenario: a load, what fails and when, and what each path must come to.
 *
 *	# a comment
 *	kind = paths							or inventory; if it is there, before all "at" and "expect"
 *	title = The target database crashes
 *	about = One or two sentences.
 *	duration = 20s
 *	rate = 50								requests per second to each path
 *	load = constant							or: bursts every 5s for 1s times 4
 *											or: rush-hour peak 3
 *											or: ramp from 10 to 200
 *	at 30% crash target until 70%			per cent of the duration, or a time
 *	at 4s latency target 300ms jitter 50ms until 9s
 *	expect outbox lost = 0, duplicates = 0, visible = 100%
 *	expect dual-write lost + invented >= 1
 *
 *	faults		crash PART | pause PART | disk-full target | connections target
 *				latency LINK TIME [jitter TIME] | bandwidth LINK NUMBERkB/s
 *				reset LINK | blackhole LINK | refuse LINK
 *	measures	accepted durable visible rejected unknown: requests, or per cent of those offered
 *				lost duplicates order invented pending missing: requests
 *				p50 p99 drain recovery: times; what never came is longer than any
 *
 * Of the inventory kind (inventory.h) the only fault is a service's database that is away, paths
 * are sync and outbox, services may stand behind a path, and there are three more measures:
 *
 *	at 30% away pricing until 60%
 *	expect sync partial >= 1						orders that some services have and others don't
 *	expect outbox different = 0						orders that don't say what was ordered
 *	expect outbox inventory recommendation lag <= 2s	longest from the answer until it was there
 *	expect outbox audit lost = 0, drain <= 30s
 *
 * Pure: text in, values out.  An error names file, line and column.  An expectation that no run
 * could miss, or none could meet, is an error, too.
 */
#ifndef OUTBOX_COMPARE_SCENARIO_H
#define OUTBOX_COMPARE_SCENARIO_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "mode.h"
#include "part.h"
#include "schedule.h"
#include "shop.h"

#define SCENARIO_NAME_SIZE 48
#define SCENARIO_TITLE_SIZE 96
#define SCENARIO_ABOUT_SIZE 512
#define SCENARIO_TEXT_SIZE 96
#define SCENARIO_FAULTS_MAX 16
#define SCENARIO_EXPECTATIONS_MAX 128
#define SCENARIO_SIZE_MAX 65536 /* of a file */

typedef enum ScenarioKind
{
	SCENARIO_PATHS,
	SCENARIO_INVENTORY
} ScenarioKind;

typedef enum FaultKind
{
	FAULT_CRASH,
	FAULT_PAUSE,
	FAULT_LATENCY,
	FAULT_BANDWIDTH,
	FAULT_RESET,
	FAULT_BLACKHOLE,
	FAULT_REFUSE,
	FAULT_DISK_FULL,
	FAULT_CONNECTIONS,
	FAULT_AWAY, /* of the inventory kind alone */
	FAULT_KIND_COUNT
} FaultKind;

typedef struct FaultPlan
{
	FaultKind kind;
	Part part;			 /* crash, pause, disk-full, connections */
	Service service;	 /* away */
	unsigned links;		 /* of the others: bits of LINK_BIT() */
	int64_t amount_usec; /* latency */
	int64_t jitter_usec;
	int64_t bytes_per_s; /* bandwidth */
	int64_t from_usec;	 /* from the start of the load */
	int64_t until_usec;
	char where[24];				   /* as it is written: "target", "app-source" */
	char text[SCENARIO_TEXT_SIZE]; /* "latency target 300ms" */
	int line;
} FaultPlan;

typedef enum Measure
{
	MEASURE_ACCEPTED,
	MEASURE_DURABLE,
	MEASURE_VISIBLE,
	MEASURE_REJECTED,
	MEASURE_UNKNOWN,
	MEASURE_LOST,
	MEASURE_DUPLICATES,
	MEASURE_ORDER,
	MEASURE_INVENTED,
	MEASURE_PENDING,
	MEASURE_MISSING, /* unknown and stored, and it never came */
	MEASURE_P50,
	MEASURE_P99,
	MEASURE_DRAIN,
	MEASURE_RECOVERY,
	MEASURE_PARTIAL, /* this and what follows: of the inventory kind alone */
	MEASURE_DIFFERENT,
	MEASURE_LAG,
	MEASURE_COUNT
} Measure;

#define MEASURE_BIT(measure) (1U << (measure))

typedef enum Comparison
{
	COMPARISON_EQUAL,
	COMPARISON_LESS,
	COMPARISON_LESS_OR_EQUAL,
	COMPARISON_GREATER,
	COMPARISON_GREATER_OR_EQUAL
} Comparison;

typedef enum MeasureUnit
{
	UNIT_COUNT,
	UNIT_PERCENT, /* of the requests that were offered */
	UNIT_MS
} MeasureUnit;

typedef struct Expectation
{
	Mode mode;		   /* of the paths kind */
	ShopPath path;	   /* of the inventory kind */
	Service service;   /* SERVICE_COUNT: all that are called, together */
	unsigned measures; /* their sum: bits of MEASURE_BIT() */
	Comparison comparison;
	MeasureUnit unit;
	double value;
	char text[SCENARIO_TEXT_SIZE]; /* "lost + order >= 1" */
} Expectation;

typedef struct Scenario
{
	ScenarioKind kind;
	char name[SCENARIO_NAME_SIZE];
	char title[SCENARIO_TITLE_SIZE];
	char about[SCENARIO_ABOUT_SIZE];
	int64_t duration_usec;
	uint32_t rate;
	LoadShape shape;
	char load[SCENARIO_TEXT_SIZE]; /* the shape as text */
	FaultPlan faults[SCENARIO_FAULTS_MAX];
	int fault_count;
	Expectation expectations[SCENARIO_EXPECTATIONS_MAX];
	int expectation_count;
} Scenario;

/* "file" is for errors; the name is its last part without ".scenario". */
extern MUST_CHECK bool scenario_parse(Scenario *scenario, const char *file, const char *text,
									  size_t len, Error *error);

/* What of its load is more than there may be; NULL: nothing. */
extern const char *scenario_too_much(const Scenario *scenario);

/* Makes it longer or shorter: every time of a fault in proportion. */
extern void scenario_scale(Scenario *scenario, int64_t duration_usec);

extern const char *fault_kind_name(FaultKind kind);

/* What an expectation is judged by: counts of requests, and times in ms; less than 0: never. */
typedef struct Measured
{
	double offered;
	double values[MEASURE_COUNT];
} Measured;

/* *measured is in the expectation's unit; less than 0: there was nothing to measure. */
extern bool expectation_held(const Expectation *expectation, const Measured *values,
							 double *measured);

#endif
