/*
 * doctor_events.c
 *	  What doctor has to say about events: who may forge them, how large they can be, where
 *	  those go that can't be published, and those that an accepted gap may have lost.  Pure.
 *
 * Refuses nothing.
 */
#include "doctor_intern.h"

void
doctor_check_messages(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	if (!facts->messages_public)
	{
		finding_set(finding, FINDING_OK, "not everybody may write them");
		return;
	}
	finding_set(finding, FINDING_WARNING,
				facts->relay.wal_messages
					? "they are events, and every role can forge one with "
					  "pg_logical_emit_message()"
					: "every role may write them, and one of almost 1 GB stops every slot");
	if (facts->superuser)
		finding_mend_by_relay(finding, setup, "init --revoke-messages");
	else
		finding_mend_by_other_role(finding, setup, "init --revoke-messages", "a superuser");
}

void
doctor_check_event_size(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	(void) setup;
	if (!facts->schema_found)
		return;
	if (facts->max_event_bytes != EVENT_BYTES_UNKNOWN)
	{
		finding_set(finding, FINDING_OK, "%lld bytes", (long long) facts->max_event_bytes);
		return;
	}
	finding_set(finding, FINDING_WARNING, "%s may not see how large events can be", facts->role);
	finding_mend(finding, REMEDY_SQL, "%s", facts->event_grant);
}

void
doctor_check_dead_letters(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	Error error;

	if (!setup->dead_letters)
	{
		finding_set(finding, FINDING_OK, "poison.policy is \"stop\": none is written");
		return;
	}
	error_clear(&error);
	if (relay_check_dead_letters(&facts->relay, &error))
	{
		finding_set(finding, FINDING_OK, "they can be written");
		return;
	}
	finding_set_error(finding, FINDING_ERROR, &error);
	if (!facts->relay.dead_letters_found)
		finding_mend(finding, REMEDY_SQL, "ALTER EXTENSION pg_outbox UPDATE");
	else
		finding_mend(finding, REMEDY_SQL, "GRANT SELECT, INSERT ON outbox.dead_letter TO %s",
					 facts->role);
}

void
doctor_check_gap(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	if (!facts->relay.gap_open)
	{
		finding_set(finding, FINDING_OK, "none is open");
		return;
	}
	finding_set(
		finding, FINDING_WARNING,
		"an accepted gap is open: what the lost slot may have missed wasn't published again, "
		"and outbox.event has it for pg_outbox.retention; when a part of it is gone, replay "
		"ends with status 10 and asks for --incomplete");
	finding_mend_by_relay(finding, setup, "replay --gap");
}
