/*
 * doctor_connection.c
 *	  What doctor has to say about getting into PostgreSQL: the ordinary connection, the
 *	  replication connection, and reading the catalogs.  Pure.
 *
 * Refuses nothing.  What the server said is shown as it is; what mends it is guessed from
 * its SQLSTATE and, for pg_hba.conf, from its words.
 */
#include "doctor_intern.h"

#include "pg_refusal.h"

#include <string.h>

void
doctor_set_failure(Finding *finding, const Error *error)
{
	finding_set_error(finding, FINDING_ERROR, error);
	finding_mend(finding, REMEDY_ADVICE, "%s",
				 error->hint[0] != '\0' ? error->hint : "mend that, and run doctor again");
}

void
doctor_check_connection(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	const Error *error = &facts->connection;
	char line[512];

	(void) setup;
	if (!doctor_failed(error))
	{
		finding_set(finding, FINDING_OK, "to the database %s as %s", facts->database, facts->role);
		return;
	}
	finding_set_error(finding, FINDING_ERROR, error);
	if (pg_refusal_hba_line(error->message, line, sizeof(line)))
		finding_mend(finding, REMEDY_HBA, "%s", line);
	else if (strcmp(error->sqlstate, "28P01") == 0)
		finding_mend(finding, REMEDY_ADVICE,
					 "put the right password into the file that PGPASSFILE or passfile= names");
	else if (strncmp(error->sqlstate, "28", 2) == 0)
		finding_mend(finding, REMEDY_ADVICE,
					 "make the role with CREATE ROLE ... LOGIN REPLICATION, or name another one "
					 "in postgres.conninfo");
	else if (error->sqlstate[0] == '\0' && error->hint[0] != '\0')
		finding_mend(finding, REMEDY_ADVICE, "%s", error->hint);
	else if (strcmp(error->sqlstate, "3D000") == 0)
		finding_mend(finding, REMEDY_ADVICE, "name a database that exists in postgres.conninfo");
	else if (strcmp(error->sqlstate, "53300") == 0)
		finding_mend(finding, REMEDY_ADVICE, "raise max_connections, or end idle sessions");
	else
		finding_mend(finding, REMEDY_ADVICE,
					 "start the server, or mend host and port in postgres.conninfo");
}

void
doctor_check_catalogs(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	(void) setup;
	if (!doctor_failed(&facts->server))
		return;
	doctor_set_failure(finding, &facts->server);
}

void
doctor_check_replication(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	const Error *error = &facts->replication;
	char line[512];

	(void) setup;
	if (!doctor_failed(error))
	{
		finding_set(finding, FINDING_OK, "allowed, as application_name \"%s\"",
					facts->application_name);
		return;
	}
	finding_set_error(finding, FINDING_ERROR, error);
	if (pg_refusal_hba_line(error->message, line, sizeof(line)))
		finding_mend(finding, REMEDY_HBA, "%s", line);
	else if (strcmp(error->sqlstate, "42501") == 0 || strncmp(error->sqlstate, "28", 2) == 0)
		finding_mend(finding, REMEDY_SQL, "ALTER ROLE %s REPLICATION", facts->role);
	else if (strcmp(error->sqlstate, "53300") == 0)
		finding_mend(finding, REMEDY_RESTART, "max_wal_senders = %d",
					 facts->senders_max + DOCTOR_SLOTS_TO_ADD);
	else
		finding_mend(finding, REMEDY_ADVICE,
					 "the server takes ordinary connections, so look at its log");
}
