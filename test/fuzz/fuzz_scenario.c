/*
 * fuzz_scenario.c
 *	  Any bytes as a scenario file of outbox-compare.
 */
#include "fuzz.h"

#include <string.h>

#include "clock.h"
#include "exit_codes.h"
#include "scenario.h"

/* What was taken makes sense. */
static void
use(Scenario *scenario)
{
	Schedule schedule;
	Measured measured = {.offered = 7};
	double value;

	FUZZ_ASSERT(scenario->title[0] != '\0' && scenario->duration_usec >= USEC_PER_SEC);
	for (int i = 0; i < scenario->fault_count; i++)
	{
		const FaultPlan *plan = &scenario->faults[i];

		FUZZ_ASSERT(plan->kind < FAULT_KIND_COUNT && plan->text[0] != '\0');
		FUZZ_ASSERT(plan->from_usec >= 0 && plan->from_usec < plan->until_usec &&
					plan->until_usec <= scenario->duration_usec);
	}
	for (int i = 0; i < scenario->expectation_count; i++)
	{
		FUZZ_ASSERT(scenario->expectations[i].mode < MODE_COUNT);
		expectation_held(&scenario->expectations[i], &measured, &value);
	}
	scenario_scale(scenario, 2 * USEC_PER_SEC);
	FUZZ_ASSERT(
		schedule_init(&schedule, &scenario->shape, scenario->rate, scenario->duration_usec, 1));
	for (uint32_t n = 0; n < schedule_count(&schedule); n++)
	{
		int64_t at = schedule_at(&schedule, n);

		FUZZ_ASSERT(at >= 0 && at <= schedule.duration_usec);
	}
	schedule_free(&schedule);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Scenario scenario;
	Error error;

	error_clear(&error);
	if (scenario_parse(&scenario, "fuzz.scenario", (const char *) data, size, &error))
		use(&scenario);
	else
	{
		FUZZ_ASSERT(error.error_class == ERROR_CLASS_PERMANENT && error.exit_code == EXIT_CONFIG);
		FUZZ_ASSERT(strncmp(error.message, "fuzz.scenario:", strlen("fuzz.scenario:")) == 0);
	}
	return 0;
}
