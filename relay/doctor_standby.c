/*
 * doctor_standby.c
 *	  What doctor has to say about standbys: whether the slot survives a promotion, and
 *	  whether commits wait for Kafka.  Pure.
 *
 * Refuses nothing.  What stands against a failover is said by outbox.failover_problem(),
 * here are the lines.
 */
#include "doctor_intern.h"

#include "sync_names.h"

#include <string.h>

#define FAILOVER_VERSION_MIN 170000

/* The settings of a standby on which its copy of the slot rests; one at a time. */
void
doctor_check_replica(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	(void) setup;
	if (!facts->relay.in_recovery || facts->relay.server_version < FAILOVER_VERSION_MIN)
		return;
	if (strcmp(facts->sync_slots, "on") != 0)
	{
		finding_set(finding, FINDING_WARNING,
					"sync_replication_slots is %s: this standby has no copy of the slot",
					facts->sync_slots);
		finding_mend(finding, REMEDY_RELOAD, "sync_replication_slots = on");
	}
	else if (strcmp(facts->standby_feedback, "on") != 0)
	{
		finding_set(finding, FINDING_WARNING,
					"hot_standby_feedback is %s: the primary removes rows of its catalogs that "
					"the copy of the slot needs",
					facts->standby_feedback);
		finding_mend(finding, REMEDY_RELOAD, "hot_standby_feedback = on");
	}
	else if (facts->primary_slot[0] == '\0')
	{
		finding_set(finding, FINDING_WARNING,
					"primary_slot_name is empty, and copying slots needs one");
		finding_mend(finding, REMEDY_ADVICE,
					 "make a physical slot on the primary, and set primary_slot_name here");
	}
	else if (facts->primary_dbname_known && !facts->primary_dbname)
	{
		finding_set(finding, FINDING_WARNING,
					"primary_conninfo has no dbname, and copying slots needs one");
		finding_mend(finding, REMEDY_ADVICE, "add dbname=%s to primary_conninfo", facts->database);
	}
	else
		finding_set(finding, FINDING_OK, "slots are copied%s",
					facts->primary_dbname_known ? "" : " (primary_conninfo can't be seen)");
}

void
doctor_check_failover(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	const RelayFacts *relay = &facts->relay;

	if (facts->failover_grant[0] != '\0')
	{
		finding_set(finding, FINDING_WARNING, "%s may not ask what stands against one",
					facts->role);
		finding_mend(finding, REMEDY_SQL, "%s", facts->failover_grant);
	}
	else if (facts->failover_problem[0] == '\0')
		finding_set(finding, FINDING_OK, "nothing is known against one");
	else if (relay->server_version < FAILOVER_VERSION_MIN)
		finding_set(finding, FINDING_OK, "%s: a promotion is a gap", facts->failover_problem);
	else if (relay->in_recovery)
	{
		finding_set(finding, FINDING_WARNING, "%s", facts->failover_problem);
		finding_mend(finding, REMEDY_ADVICE, "see docs/operations.md, \"Failover\"");
	}
	else if (!relay->slot_found || relay->slot_lost)
		return; /* was said */
	else if (!facts->slot_failover)
	{
		finding_set(finding, FINDING_WARNING, "%s", facts->failover_problem);
		finding_mend(finding, REMEDY_REPLICATION, "ALTER_REPLICATION_SLOT %s (FAILOVER true)",
					 setup->slot);
	}
	else if (facts->standby_slots[strspn(facts->standby_slots, " ")] != '\0')
	{
		finding_set(finding, FINDING_ERROR, "%s", facts->failover_problem);
		finding_mend(finding, REMEDY_ADVICE,
					 "bring the standby back, or take it out of synchronized_standby_slots: "
					 "meanwhile nothing is published");
	}
	else if (facts->physical_slots[0] == '\0')
		finding_set(finding, FINDING_OK, "no standby has a slot here, so there is nothing to copy");
	else
	{
		finding_set(finding, FINDING_WARNING, "%s", facts->failover_problem);
		finding_mend(finding, REMEDY_RELOAD, "synchronized_standby_slots = '%s'",
					 facts->physical_slots);
	}
}

void
doctor_check_synchronous(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	const char *names = facts->synchronous_standby_names;
	char line[768];

	(void) setup;
	if (!sync_names_include(names, facts->application_name))
	{
		finding_set(finding, FINDING_OK, "commits don't wait for the relay");
		return;
	}
	finding_set(finding, FINDING_ERROR,
				"%s takes the relay (application_name \"%s\") for a standby: commits wait until "
				"Kafka has what they wrote",
				names, facts->application_name);
	if (sync_names_without(names, facts->application_name, facts->standbys, line, sizeof(line)))
		finding_mend(finding, REMEDY_RELOAD, "synchronous_standby_names = %s", line);
	else
		finding_mend(finding, REMEDY_ADVICE, "take the relay out of synchronous_standby_names");
}
