/*
 * price.c
 *	  One path after the other, with the stage to itself.
 */
#include "price.h"

#include <stdlib.h>
#include <string.h>

#define ALONE_USEC (10 * USEC_PER_SEC)
#define IDLE_USEC (5 * USEC_PER_SEC)

static bool
measure_idle(Stage *stage, Interrupt *interrupt, Price *price, Error *error)
{
	MonoUsec start = clock_mono();
	CostMeter meter;

	cost_start(&meter, stage);
	cost_look(&meter, stage);
	if (!interrupt_wait(interrupt, start + IDLE_USEC))
		return error_transient(error, "interrupted");
	cost_end(&meter, stage, &price->idle);
	price->idle_s = (double) (clock_mono() - start) / USEC_PER_SEC;
	return true;
}

static void
take_report(const RunReport *report, Mode mode, PathPrice *price)
{
	*price = (PathPrice){.measured = true,
						 .offered = report->paths[mode].totals.offered,
						 .took_s = report->took_s,
						 .cost = report->cost,
						 .latency = report->paths[mode].latency};
}

static bool
measure_path(const ConductConfig *config, Mode mode, Stage *stage, Interrupt *interrupt,
			 PathPrice *price, Error *error)
{
	RunReport *report = malloc(sizeof(*report));
	bool done;

	if (report == NULL)
		return error_bug(error, "out of memory");
	done = conduct(config, stage, interrupt, report, error);
	if (done && report->interrupted)
		done = error_transient(error, "interrupted");
	if (done)
		take_report(report, mode, price);
	timeline_free(&report->timeline);
	free(report);
	return done;
}

bool
price_measure(const CompareConfig *compare, const Scenario *scenario, uint32_t *number,
			  Stage *stage, Interrupt *interrupt, Price *price, Error *error)
{
	CompareConfig alone = *compare;
	Scenario shorter = *scenario;

	memset(price, 0, sizeof(*price));
	if (shorter.duration_usec > ALONE_USEC)
		scenario_scale(&shorter, ALONE_USEC);
	if (!measure_idle(stage, interrupt, price, error))
		return false;
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		const ConductConfig config = {
			.compare = &alone, .scenario = &shorter, .number = *number + 1, .repeat = 1};

		if (!compare->modes[mode])
			continue;
		memset(alone.modes, 0, sizeof(alone.modes));
		alone.modes[mode] = true;
		*number += 1;
		if (!measure_path(&config, (Mode) mode, stage, interrupt, &price->paths[mode], error))
			return false;
	}
	return true;
}
