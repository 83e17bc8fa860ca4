/*
 * doctor_server.h
 *	  What doctor has to say about PostgreSQL.  Pure: facts in, findings out.
 *
 * Checks come in a fixed order, each one at most once.  One that can't be made, because
 * an earlier one failed, or that doesn't apply, is left out.
 */
#ifndef OUTBOX_RELAY_DOCTOR_SERVER_H
#define OUTBOX_RELAY_DOCTOR_SERVER_H

#include "clock.h"
#include "finding.h"
#include "relay_check.h"

/*
 * What pg_doctor.c found.  Texts are "" when unknown; names are quoted as SQL wants them.
 * A class of an Error other than NONE means that the thing failed, and what depends on it
 * is unknown.
 */
typedef struct ServerFacts
{
	Error connection;  /* the ordinary one */
	Error server;	   /* reading what follows from the catalogs */
	Error relay_error; /* reading "relay" */
	Error replication; /* the replication connection */

	char version[64];
	char database[140];
	char role[140];
	bool superuser;

	int slots;
	int slots_max;
	int senders; /* doctor's own left out */
	int senders_max;
	char plugins[256];	 /* output_plugin_libraries */
	bool plugins_listed; /* there is one, and the role may see it */

	char extension_version[32];
	char extension_available[32]; /* what CREATE EXTENSION would make */
	bool schema_found;			  /* "outbox", by whatever install */
	char missing_grants[2048];	  /* statements, separated by "; " */
	char status_grants[768];	  /* the same of what outbox.status needs */
	char event_grant[160];		  /* what would make max_event_bytes known */
	int64_t max_event_bytes;	  /* the largest that anybody may write, or EVENT_BYTES_UNKNOWN */
	bool messages_public;		  /* everybody may write logical messages */

	RelayFacts relay;
	bool routing_recorded;
	Error routing;				/* the settings against those that are recorded */
	char system_identifier[24]; /* of the replication connection, as the next two */
	uint32_t timeline;
	PgLsn flushed;
	char application_name[64];

	bool slot_two_phase;
	bool slot_failover;
	char wal_status[16];
	int64_t retained_bytes;
	bool safe_wal_known;
	int64_t safe_wal_size;
	int64_t slot_keep_mb; /* -1: without limit */
	int64_t max_wal_mb;

	char failover_grant[240]; /* what is needed to ask, "" when it was asked */
	char failover_problem[512];
	char standby_slots[256];   /* synchronized_standby_slots */
	char physical_slots[256];  /* those that are there, separated by commas */
	char sync_slots[8];		   /* on a standby: sync_replication_slots, "" before 17 */
	char standby_feedback[8];  /* on a standby: hot_standby_feedback */
	char primary_slot[64];	   /* on a standby: primary_slot_name */
	bool primary_dbname_known; /* on a standby: primary_conninfo may be seen */
	bool primary_dbname;	   /* and has a database */

	char synchronous_standby_names[512];
	char standbys[512]; /* application names of physical ones, quoted, separated by commas */

	int64_t clock_ahead_usec; /* the server's against ours */
	int64_t clock_error_usec; /* by how much that may be wrong */
} ServerFacts;

extern void doctor_check_server(const ServerFacts *facts, const DoctorSetup *setup, FindingFn tell,
								void *arg);

#endif
