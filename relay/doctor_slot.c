/*
 * doctor_slot.c
 *	  What doctor has to say about the registration, the slot, and the WAL that it keeps.  Pure.
 *
 * Refuses nothing.  A gap is mended by accepting it, which whoever reads the line
 * decides: the words say what is lost.
 */
#include "doctor_intern.h"

#include "exit_codes.h"

#include <stdio.h>
#include <string.h>

#define MB (INT64_C(1024) * 1024)
#define KEEP_LEAST_MB 10240
/* From here on a slot's two_phase can be changed. */
#define ALTER_TWO_PHASE_VERSION_MIN 180000

static const char *
mend_gap(const Error *error)
{
	return error->exit_code == EXIT_GAP ? "init --accept-gap" : "init";
}

void
doctor_check_registration(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	const RelayFacts *relay = &facts->relay;
	Error error;

	error_clear(&error);
	if (relay_check_registration(relay, setup->slot, &error))
	{
		finding_set(finding, FINDING_OK, "\"%s\", source id \"%s\", generation %u%s", setup->slot,
					relay->source_id, relay->generation,
					relay->backfill ? ", rows from before the slot are being published" : "");
		return;
	}
	finding_set_error(finding, FINDING_ERROR, &error);
	if (!relay->registered && relay->slot_found && relay->slot_here)
		finding_mend(finding, REMEDY_ADVICE,
					 "a slot \"%s\" is there all the same: choose another name with postgres.slot, "
					 "or drop the slot if nobody needs it, and run outbox-relay init",
					 setup->slot);
	else if (!relay->registered && relay->slot_found)
		finding_mend(
			finding, REMEDY_ADVICE,
			"the slot \"%s\" is another database's or another program's: choose another name "
			"with postgres.slot, and run outbox-relay init",
			setup->slot);
	else
		finding_mend_by_relay(finding, setup, "init");
}

void
doctor_check_identity(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	static const RelayMemory no_memory;
	Error error;

	error_clear(&error);
	if (relay_check_identity(&facts->relay, &no_memory, facts->system_identifier, facts->timeline,
							 facts->flushed, &error))
	{
		finding_set(finding, FINDING_OK, "system identifier %s, timeline %u",
					facts->system_identifier, facts->timeline);
		return;
	}
	finding_set_error(finding, FINDING_ERROR, &error);
	finding_mend_by_relay(finding, setup, mend_gap(&error));
}

void
doctor_check_slot(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	const RelayFacts *relay = &facts->relay;
	char confirmed[LSN_TEXT_SIZE];
	char mark[LSN_TEXT_SIZE];
	Error error;

	error_clear(&error);
	if (!relay_check_slot(relay, setup->slot, &error))
	{
		finding_set_error(finding, FINDING_ERROR, &error);
		finding_mend_by_relay(finding, setup, mend_gap(&error));
		return;
	}
	lsn_format(relay->slot_confirmed, confirmed);
	lsn_format(relay->mark_lsn, mark);
	finding_set(finding, FINDING_OK, "\"%s\", wal_status %s, confirmed %s, mark %s, %s",
				setup->slot, facts->wal_status, confirmed, mark,
				relay->slot_pid != 0 ? "a relay reads it" : "no relay reads it");
}

void
doctor_check_routing(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	if (facts->routing.error_class != ERROR_CLASS_NONE)
	{
		finding_set_error(finding, FINDING_ERROR, &facts->routing);
		finding_mend_by_relay(finding, setup, "repartition");
	}
	else if (!facts->relay.routing_kept)
	{
		finding_set(finding, FINDING_WARNING,
					"they aren't recorded, and a change of them goes unnoticed");
		finding_mend(finding, REMEDY_SQL, "ALTER EXTENSION pg_outbox UPDATE");
	}
	else
		finding_set(finding, FINDING_OK,
					facts->routing_recorded ? "as recorded" : "the first relay records them");
}

void
doctor_check_two_phase(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	if (!facts->relay.slot_found)
		return;
	if (!facts->slot_two_phase)
	{
		finding_set(finding, FINDING_OK, "off: prepared transactions come when they commit");
		return;
	}
	finding_set(finding, FINDING_ERROR,
				"the slot \"%s\" sends transactions when they are prepared, which may still be "
				"rolled back",
				setup->slot);
	if (facts->relay.server_version >= ALTER_TWO_PHASE_VERSION_MIN)
		finding_mend(finding, REMEDY_REPLICATION, "ALTER_REPLICATION_SLOT %s (TWO_PHASE false)",
					 setup->slot);
	else
		finding_mend(finding, REMEDY_SQL, "SELECT pg_drop_replication_slot('%s')", setup->slot);
}

/* In the unit that makes it shortest; rounded down. */
static const char *
size_text(int64_t bytes, char *out, size_t size)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
	size_t unit = 0;

	while (unit + 1 < sizeof(units) / sizeof(units[0]) && bytes >= 10240)
	{
		bytes /= 1024;
		unit++;
	}
	snprintf(out, size, "%lld %s", (long long) bytes, units[unit]);
	return out;
}

void
doctor_check_retention(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	int64_t limit = facts->slot_keep_mb * MB;
	int64_t wanted = 4 * facts->max_wal_mb;
	char retained[40];
	char safe[40];

	(void) setup;
	size_text(facts->retained_bytes, retained, sizeof(retained));
	size_text(facts->safe_wal_size, safe, sizeof(safe));
	if (facts->slot_keep_mb < 0)
	{
		finding_set(finding, FINDING_WARNING,
					"no limit: while no relay runs, the slot keeps WAL until the disk is full "
					"(now %s)",
					retained);
		finding_mend(finding, REMEDY_RELOAD, "max_slot_wal_keep_size = %lldMB",
					 (long long) (wanted > KEEP_LEAST_MB ? wanted : KEEP_LEAST_MB));
		return;
	}
	if (!facts->relay.slot_found || !facts->safe_wal_known)
	{
		finding_set(finding, FINDING_OK, "%lld MB", (long long) facts->slot_keep_mb);
		return;
	}
	if (facts->safe_wal_size > limit / 4)
	{
		finding_set(finding, FINDING_OK, "%lld MB: the slot keeps %s, and %s more may be written",
					(long long) facts->slot_keep_mb, retained, safe);
		return;
	}
	if (facts->safe_wal_size <= 0)
		finding_set(finding, FINDING_ERROR,
					"%lld MB, and the slot keeps %s: the next checkpoint takes WAL that it needs",
					(long long) facts->slot_keep_mb, retained);
	else
		finding_set(finding, FINDING_WARNING,
					"%lld MB, and the slot keeps %s: it is lost when %s more are written",
					(long long) facts->slot_keep_mb, retained, safe);
	wanted = 2 * (facts->retained_bytes / MB + facts->slot_keep_mb);
	finding_mend(finding, REMEDY_RELOAD, "max_slot_wal_keep_size = %lldMB",
				 (long long) (wanted > 1024 ? wanted : 1024));
}
