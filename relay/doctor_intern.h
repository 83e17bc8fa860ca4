/*
 * doctor_intern.h
 *	  What the files of doctor's judgement of PostgreSQL share.  For doctor_*.c alone.
 */
#ifndef OUTBOX_RELAY_DOCTOR_INTERN_H
#define OUTBOX_RELAY_DOCTOR_INTERN_H

#include "doctor_server.h"

/* What has to be known for a check to be made; a set. */
typedef enum DoctorNeed
{
	NEED_NOTHING = 0,
	NEED_CONNECTION = 1,
	NEED_CATALOGS = 2,
	NEED_PRIMARY = 4,
	NEED_REPLICATION = 8,
	NEED_RELAY = 16,	   /* the tables of the extension could be read */
	NEED_REGISTRATION = 32 /* and there is one, which is complete */
} DoctorNeed;

/* May leave the finding without words: then there is nothing to say. */
typedef void (*ServerCheckFn)(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding);

typedef struct ServerCheck
{
	const char *name;
	unsigned needs;
	ServerCheckFn check;
} ServerCheck;

/* How many more max_wal_senders and max_replication_slots should allow. */
#define DOCTOR_SLOTS_TO_ADD 5

static inline bool
doctor_failed(const Error *error)
{
	return error->error_class != ERROR_CLASS_NONE;
}

/* Of doctor_connection.c: what failed, and its own hint; without one, that it is to be mended. */
extern void doctor_set_failure(Finding *finding, const Error *error);

/* Of doctor_connection.c: getting in, on both connections, and reading the catalogs. */
extern void doctor_check_connection(const ServerFacts *facts, const DoctorSetup *setup,
									Finding *finding);
extern void doctor_check_catalogs(const ServerFacts *facts, const DoctorSetup *setup,
								  Finding *finding);
extern void doctor_check_replication(const ServerFacts *facts, const DoctorSetup *setup,
									 Finding *finding);

/* Of doctor_database.c: what has to be in the database, and who may use it. */
extern void doctor_check_extension(const ServerFacts *facts, const DoctorSetup *setup,
								   Finding *finding);
extern void doctor_check_privileges(const ServerFacts *facts, const DoctorSetup *setup,
									Finding *finding);
extern void doctor_check_status_privileges(const ServerFacts *facts, const DoctorSetup *setup,
										   Finding *finding);
extern void doctor_check_tables(const ServerFacts *facts, const DoctorSetup *setup,
								Finding *finding);
extern void doctor_check_publication(const ServerFacts *facts, const DoctorSetup *setup,
									 Finding *finding);

/* Of doctor_slot.c: the registration, the slot, and what it keeps. */
extern void doctor_check_registration(const ServerFacts *facts, const DoctorSetup *setup,
									  Finding *finding);
extern void doctor_check_identity(const ServerFacts *facts, const DoctorSetup *setup,
								  Finding *finding);
extern void doctor_check_slot(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding);
extern void doctor_check_routing(const ServerFacts *facts, const DoctorSetup *setup,
								 Finding *finding);
extern void doctor_check_two_phase(const ServerFacts *facts, const DoctorSetup *setup,
								   Finding *finding);
extern void doctor_check_retention(const ServerFacts *facts, const DoctorSetup *setup,
								   Finding *finding);

/* Of doctor_events.c: messages, sizes, dead letters, an open gap. */
extern void doctor_check_messages(const ServerFacts *facts, const DoctorSetup *setup,
								  Finding *finding);
extern void doctor_check_event_size(const ServerFacts *facts, const DoctorSetup *setup,
									Finding *finding);
extern void doctor_check_dead_letters(const ServerFacts *facts, const DoctorSetup *setup,
									  Finding *finding);
extern void doctor_check_gap(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding);

/* Of doctor_standby.c: standbys, synchronous ones, and what a promotion would do. */
extern void doctor_check_replica(const ServerFacts *facts, const DoctorSetup *setup,
								 Finding *finding);
extern void doctor_check_failover(const ServerFacts *facts, const DoctorSetup *setup,
								  Finding *finding);
extern void doctor_check_synchronous(const ServerFacts *facts, const DoctorSetup *setup,
									 Finding *finding);

#endif
