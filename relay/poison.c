/*
 * poison.c
 *	  Events that can never be published: why.
 *
 * Refuses nothing.
 */
#include "poison.h"

#include "exit_codes.h"

#include <stdio.h>
#include <string.h>

static const char *const cause_names[POISON_CAUSE_COUNT] = {
	[POISON_TOO_LARGE] = "too_large",
	[POISON_FORBIDDEN_TOPIC] = "forbidden_topic",
	[POISON_UNKNOWN_TOPIC] = "unknown_topic",
	[POISON_INVALID_TOPIC] = "invalid_topic",
	[POISON_INVALID_HEADERS] = "invalid_headers",
	[POISON_MISSING_FIELD] = "missing_field",
	[POISON_INVALID_PARTITION] = "invalid_partition",
	[POISON_INVALID_TIMESTAMP] = "invalid_timestamp",
	[POISON_NO_EVENT] = "no_event",
	[POISON_REFUSED] = "refused",
};

static const struct
{
	const char *code;
	PoisonCause cause;
} causes[] = {
	{"MSG_SIZE_TOO_LARGE", POISON_TOO_LARGE},
	{"RECORD_LIST_TOO_LARGE", POISON_TOO_LARGE},
	{"TOPIC_AUTHORIZATION_FAILED", POISON_FORBIDDEN_TOPIC},
	{"CLUSTER_AUTHORIZATION_FAILED", POISON_FORBIDDEN_TOPIC}, /* to make a topic */
	{"POLICY_VIOLATION", POISON_FORBIDDEN_TOPIC},
	{"UNKNOWN_TOPIC_OR_PART", POISON_UNKNOWN_TOPIC},
	{"TOPIC_EXCEPTION", POISON_INVALID_TOPIC},
};

const char *
poison_cause_name(PoisonCause cause)
{
	return cause_names[cause];
}

PoisonCause
poison_cause_of(const char *code)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
	{
		if (strcmp(causes[i].code, code) == 0)
			return causes[i].cause;
	}
	return POISON_REFUSED;
}

PoisonCause
poison_cause_of_route(RouteFault fault)
{
	static const PoisonCause of_fault[] = {
		[ROUTE_FAULT_TOPIC] = POISON_INVALID_TOPIC,
		[ROUTE_FAULT_HEADERS] = POISON_INVALID_HEADERS,
		[ROUTE_FAULT_FIELD] = POISON_MISSING_FIELD,
		[ROUTE_FAULT_PARTITION] = POISON_INVALID_PARTITION,
		[ROUTE_FAULT_TIME] = POISON_INVALID_TIMESTAMP,
		[ROUTE_FAULT_SIZE] = POISON_TOO_LARGE,
	};

	return of_fault[fault];
}

bool
poison_form_is_refused(const char *sqlstate)
{
	/* not this data, not this much or this deep, not in this database */
	static const char *const classes[] = {"22", "54", "0A"};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
	{
		if (strncmp(sqlstate, classes[i], strlen(classes[i])) == 0)
			return true;
	}
	return false;
}

bool
poison_is(const Error *error)
{
	return error->error_class == ERROR_CLASS_PERMANENT &&
		   (error->exit_code == EXIT_POISON || error->exit_code == EXIT_MESSAGE);
}

void
poison_hint(Error *error, PoisonPolicy policy)
{
	size_t used = strlen(error->hint);

	if (policy != POISON_STOP || !poison_is(error))
		return;
	snprintf(error->hint + used, sizeof(error->hint) - used,
			 "%sOr set poison.policy = dead-letter: such events are written to outbox.dead_letter, "
			 "and those behind them are published.",
			 used > 0 ? " " : "");
}
