/*
 * suite.c
 *	  A list of scenarios.  Refuses one that is asked for twice, and none at all.
 */
#include "suite.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "exit_codes.h"
#include "scenario_store.h"

static bool
add(Suite *suite, const CompareConfig *config, const char *name, Error *error)
{
	SuiteEntry *entry = &suite->entries[suite->count];
	const char *too_much;

	/* It counts from now on, so that its text is freed. */
	suite->count++;
	if (!scenario_find(name, &entry->scenario, &entry->file, error) ||
		!compare_config_apply(config, &entry->scenario, error))
		return false;
	too_much = scenario_too_much(&entry->scenario);
	if (too_much != NULL)
		return error_permanent(error, EXIT_CONFIG, "\"%s\" with this --rate and --duration: %s",
							   entry->scenario.name, too_much);
	for (int i = 0; i < suite->count - 1; i++)
	{
		if (strcmp(suite->entries[i].scenario.name, entry->scenario.name) != 0)
			continue;
		error_permanent(error, EXIT_CONFIG, "scenario \"%s\" is given twice", entry->scenario.name);
		return error_hint(error, "--repeat=N runs each scenario N times.");
	}
	return true;
}

bool
suite_load(Suite *suite, const CompareConfig *config, char *const *names, int count, Error *error)
{
	int stored = 0;

	memset(suite, 0, sizeof(*suite));
	while (config->all && scenario_store()[stored].name != NULL)
		stored++;
	if (stored + count == 0)
	{
		error_permanent(error, EXIT_CONFIG, "no scenario is given");
		return error_hint(error,
						  "outbox-compare list shows those that there are; --all takes all.");
	}
	suite->entries = calloc((size_t) (stored + count), sizeof(*suite->entries));
	if (suite->entries == NULL)
		return error_bug(error, "out of memory");
	for (int i = 0; i < stored; i++)
	{
		if (!add(suite, config, scenario_store()[i].name, error))
			return false;
	}
	for (int i = 0; i < count; i++)
	{
		if (!add(suite, config, names[i], error))
			return false;
	}
	return true;
}

bool
suite_by_hand(Suite *suite, const CompareConfig *config, Error *error)
{
	/* A day is as good as for ever: what a request takes is remembered when it comes. */
	static const char text[] =
		"title = Live: broken and mended by hand\n"
		"about = Load without an end; what failed was broken with the buttons of the live page.\n"
		"duration = 86400s\n";

	memset(suite, 0, sizeof(*suite));
	suite->entries = calloc(1, sizeof(*suite->entries));
	if (suite->entries == NULL)
		return error_bug(error, "out of memory");
	suite->count = 1;
	suite->endless = true;
	suite->entries[0].file = strdup(text);
	if (suite->entries[0].file == NULL)
		return error_bug(error, "out of memory");
	return scenario_parse(&suite->entries[0].scenario, "live", text, strlen(text), error) &&
		   compare_config_apply(config, &suite->entries[0].scenario, error);
}

void
suite_free(Suite *suite)
{
	for (int i = 0; i < suite->count; i++)
		free(suite->entries[i].file);
	free(suite->entries);
	memset(suite, 0, sizeof(*suite));
}

int64_t
suite_shortest_usec(const Suite *suite)
{
	int64_t shortest = INT64_MAX;

	for (int i = 0; i < suite->count; i++)
	{
		if (suite->entries[i].scenario.duration_usec < shortest)
			shortest = suite->entries[i].scenario.duration_usec;
	}
	return shortest;
}

bool
suite_has_kind(const Suite *suite, ScenarioKind kind)
{
	for (int i = 0; i < suite->count; i++)
	{
		if (suite->entries[i].scenario.kind == kind)
			return true;
	}
	return false;
}

bool
suite_has_fault(const Suite *suite, FaultKind kind)
{
	for (int i = 0; i < suite->count; i++)
	{
		const Scenario *scenario = &suite->entries[i].scenario;

		for (int j = 0; j < scenario->fault_count; j++)
		{
			if (scenario->faults[j].kind == kind)
				return true;
		}
	}
	return false;
}
