/*
 * doctor_database.c
 *	  What doctor has to say about the source database: extension, privileges, tables,
 *	  publication.  Pure.
 *
 * Refuses nothing.
 */
#include "doctor_intern.h"

#include <string.h>

void
doctor_check_extension(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	(void) setup;
	if (facts->extension_version[0] != '\0')
	{
		if (facts->extension_available[0] == '\0' ||
			strcmp(facts->extension_version, facts->extension_available) == 0)
			finding_set(finding, FINDING_OK, "version %s", facts->extension_version);
		else
		{
			finding_set(finding, FINDING_WARNING, "version %s, and the server has %s",
						facts->extension_version, facts->extension_available);
			finding_mend(finding, REMEDY_SQL, "ALTER EXTENSION pg_outbox UPDATE");
		}
		return;
	}
	if (facts->schema_found)
	{
		finding_set(finding, FINDING_OK, "the SQL-only install");
		return;
	}
	finding_set(finding, FINDING_ERROR, "\"pg_outbox\" isn't in this database");
	if (facts->extension_available[0] != '\0')
		finding_mend(finding, REMEDY_SQL, "CREATE EXTENSION pg_outbox");
	else
		finding_mend(finding, REMEDY_ADVICE,
					 "install the package on the server and CREATE EXTENSION pg_outbox, or load "
					 "pg_outbox-managed.sql");
}

void
doctor_check_privileges(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	(void) setup;
	if (!facts->schema_found)
		return;
	if (facts->missing_grants[0] == '\0')
	{
		finding_set(finding, FINDING_OK, "%s has %s", facts->role,
					facts->superuser ? "all: it is a superuser" : "what a relay needs");
		return;
	}
	finding_set(finding, FINDING_ERROR, "%s lacks some that a relay needs", facts->role);
	finding_mend(finding, REMEDY_SQL, "%s", facts->missing_grants);
}

void
doctor_check_status_privileges(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	(void) setup;
	if (!facts->schema_found)
		return;
	if (facts->status_grants[0] == '\0')
	{
		finding_set(finding, FINDING_OK, "%s lacks none that \"outbox-relay status\" needs",
					facts->role);
		return;
	}
	finding_set(finding, FINDING_WARNING,
				"%s may not read all of outbox.status: a relay runs without it, \"outbox-relay "
				"status\" doesn't",
				facts->role);
	finding_mend(finding, REMEDY_SQL, "%s", facts->status_grants);
}

void
doctor_check_tables(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	(void) setup;
	if (!doctor_failed(&facts->relay_error) || facts->missing_grants[0] != '\0')
		return;
	doctor_set_failure(finding, &facts->relay_error);
}

void
doctor_check_publication(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	Error error;

	if (!facts->schema_found)
		return;
	error_clear(&error);
	if (relay_check_publication(&facts->relay, setup->publication, &error))
	{
		finding_set(finding, FINDING_OK, "\"%s\" has outbox.event, its columns and options",
					setup->publication);
		return;
	}
	finding_set_error(finding, FINDING_ERROR, &error);
	if (facts->superuser)
		finding_mend_by_relay(finding, setup, "init");
	else
		finding_mend_by_other_role(finding, setup, "init",
								   "a superuser or the owner of outbox.event");
}
