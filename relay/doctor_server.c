/*
 * doctor_server.c
 *	  What doctor has to say about PostgreSQL: the order of the checks, and those of the
 *	  server's version, role, settings and clock.
 *
 * Refuses nothing.  The rules of a start are relay_check.c's, and so are the words for
 * what breaks one; here is the line that mends it.
 */
#include "doctor_intern.h"

#include <stdlib.h>
#include <string.h>

#define CLOCK_TOLERANCE_USEC USEC_PER_SEC
#define SENDER_TIMEOUT_LEAST_MS 5000

/* -------------------------------------------------------------------------
 * the server
 * -------------------------------------------------------------------------
 */

static void
check_version(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	(void) setup;
	if (facts->relay.server_version >= RELAY_SERVER_VERSION_MIN)
	{
		finding_set(finding, FINDING_OK, "PostgreSQL %s", facts->version);
		return;
	}
	finding_set(finding, FINDING_ERROR, "PostgreSQL %s is too old", facts->version);
	finding_mend(finding, REMEDY_ADVICE, "upgrade to PostgreSQL %d or later",
				 RELAY_SERVER_VERSION_MIN / 10000);
}

static void
check_role(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	(void) setup;
	if (!facts->relay.in_recovery)
	{
		finding_set(finding, FINDING_OK, "a primary");
		return;
	}
	finding_set(finding, FINDING_WARNING,
				"a standby: a relay waits here until it is promoted, and most checks need the "
				"primary");
	finding_mend(finding, REMEDY_ADVICE,
				 "name all servers in postgres.conninfo, with target_session_attrs=read-write");
}

static void
check_wal_level(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	RelayFacts server = facts->relay;
	Error error;

	(void) setup;
	error_clear(&error);
	server.in_recovery = false; /* a check of its own */
	if (relay_check_server(&server, &error))
	{
		finding_set(finding, FINDING_OK, "%s%s", server.wal_level,
					strcmp(server.wal_level, "logical") == 0 ? "" : ": the slot makes it logical");
		return;
	}
	if (server.server_version < RELAY_SERVER_VERSION_MIN)
		return; /* was said */
	finding_set_error(finding, FINDING_ERROR, &error);
	finding_mend(finding, REMEDY_RESTART, "wal_level = %s",
				 server.server_version < RELAY_DYNAMIC_WAL_VERSION_MIN ? "logical" : "replica");
}

/* Is the word in the list?  As the server reads it: blanks and quotes don't count. */
static bool
list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; *at != '\0';)
	{
		size_t item;

		at += strspn(at, ", \t\"");
		item = strcspn(at, ", \t\"");
		if (item == len && strncmp(at, word, len) == 0)
			return true;
		at += item;
	}
	return false;
}

static void
check_plugin(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	(void) setup;
	if (!facts->plugins_listed)
		finding_set(finding, FINDING_OK,
					"pgoutput: there is no list of allowed ones, or %s may not see it",
					facts->role);
	else if (list_has(facts->plugins, "pgoutput"))
		finding_set(finding, FINDING_OK, "pgoutput is in output_plugin_libraries");
	else
	{
		finding_set(finding, FINDING_ERROR, "output_plugin_libraries is \"%s\", without pgoutput",
					facts->plugins);
		finding_mend(finding, REMEDY_RELOAD, "output_plugin_libraries = '%s%spgoutput'",
					 facts->plugins,
					 facts->plugins[strspn(facts->plugins, " ")] != '\0' ? ", " : "");
	}
}

static void
check_slots_free(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	bool ours = facts->relay.slot_found && facts->relay.slot_here;

	(void) setup;
	if (ours || facts->slots < facts->slots_max)
	{
		finding_set(finding, FINDING_OK, "%d of %d are in use%s", facts->slots, facts->slots_max,
					ours ? ", ours among them" : "");
		return;
	}
	finding_set(finding, FINDING_ERROR, "all %d are in use, and ours has yet to be made",
				facts->slots_max);
	finding_mend(finding, REMEDY_RESTART, "max_replication_slots = %d",
				 facts->slots_max + DOCTOR_SLOTS_TO_ADD);
}

static void
check_senders_free(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	int left = facts->senders_max - facts->senders;
	bool connected = facts->relay.slot_pid != 0;

	(void) setup;
	if (left >= (connected ? 1 : 2))
		finding_set(finding, FINDING_OK, "%d of %d are in use", facts->senders, facts->senders_max);
	else
	{
		bool none = left < 1 && !connected;

		finding_set(finding, none ? FINDING_ERROR : FINDING_WARNING, "%d of %d are in use%s",
					facts->senders, facts->senders_max,
					none ? ", the relay needs one"
						 : ": a relay that comes back before its old connection is gone needs one "
						   "more");
		finding_mend(finding, REMEDY_RESTART, "max_wal_senders = %d",
					 facts->senders_max + DOCTOR_SLOTS_TO_ADD);
	}
}

static void
check_sender_timeout(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	long long timeout = facts->relay.wal_sender_timeout_ms;

	(void) setup;
	if (timeout >= SENDER_TIMEOUT_LEAST_MS)
	{
		finding_set(finding, FINDING_OK, "%lld ms", timeout);
		return;
	}
	if (timeout == 0)
		finding_set(finding, FINDING_WARNING,
					"0: a connection whose host is gone holds the slot for hours, and no other "
					"relay takes over");
	else
		finding_set(finding, FINDING_WARNING, "%lld ms: a short pause of a host ends the stream",
					timeout);
	finding_mend(finding, REMEDY_RELOAD, "wal_sender_timeout = 60s");
}

static void
check_clock(const ServerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	long long ahead = facts->clock_ahead_usec;
	long long apart = llabs(ahead) - facts->clock_error_usec;

	(void) setup;
	if (apart <= CLOCK_TOLERANCE_USEC)
	{
		finding_set(finding, FINDING_OK,
					"the server's is that of this host, as far as can be seen");
		return;
	}
	finding_set(finding, FINDING_WARNING,
				"the server's is %.1f s %s that of this host: lag in seconds and the timestamps "
				"of records are wrong by that",
				(double) llabs(ahead) / (double) USEC_PER_SEC, ahead > 0 ? "ahead of" : "behind");
	finding_mend(finding, REMEDY_SHELL, "chronyc makestep");
}

/* -------------------------------------------------------------------------
 * in order
 * -------------------------------------------------------------------------
 */

static const ServerCheck checks[] = {
	{"connection", NEED_NOTHING, doctor_check_connection},
	{"catalogs", NEED_CONNECTION, doctor_check_catalogs},
	{"server version", NEED_CATALOGS, check_version},
	{"server role", NEED_CATALOGS, check_role},
	{"wal_level", NEED_CATALOGS, check_wal_level},
	{"output plugin", NEED_CATALOGS, check_plugin},
	{"max_wal_senders", NEED_CATALOGS, check_senders_free},
	{"replication connection", NEED_CONNECTION, doctor_check_replication},
	{"max_replication_slots", NEED_CATALOGS | NEED_PRIMARY, check_slots_free},
	{"extension", NEED_CATALOGS, doctor_check_extension},
	{"privileges", NEED_CATALOGS, doctor_check_privileges},
	{"status privileges", NEED_CATALOGS, doctor_check_status_privileges},
	{"tables", NEED_CATALOGS, doctor_check_tables},
	{"publication", NEED_RELAY, doctor_check_publication},
	{"registration", NEED_RELAY, doctor_check_registration},
	{"identity", NEED_REGISTRATION | NEED_REPLICATION | NEED_PRIMARY, doctor_check_identity},
	{"slot", NEED_REGISTRATION | NEED_PRIMARY, doctor_check_slot},
	{"routing settings", NEED_REGISTRATION, doctor_check_routing},
	{"gap", NEED_REGISTRATION | NEED_PRIMARY, doctor_check_gap},
	{"two-phase", NEED_CATALOGS | NEED_PRIMARY, doctor_check_two_phase},
	{"max_slot_wal_keep_size", NEED_CATALOGS | NEED_PRIMARY, doctor_check_retention},
	{"wal_sender_timeout", NEED_CATALOGS, check_sender_timeout},
	{"standby settings", NEED_CATALOGS, doctor_check_replica},
	{"failover", NEED_REGISTRATION, doctor_check_failover},
	{"synchronous_standby_names", NEED_CATALOGS | NEED_REPLICATION, doctor_check_synchronous},
	{"logical messages", NEED_CATALOGS | NEED_PRIMARY, doctor_check_messages},
	{"max_event_bytes", NEED_CATALOGS, doctor_check_event_size},
	{"dead letters", NEED_RELAY, doctor_check_dead_letters},
	{"clock", NEED_CATALOGS, check_clock},
};

static unsigned
known(const ServerFacts *facts)
{
	const RelayFacts *relay = &facts->relay;
	unsigned have = 0;

	if (doctor_failed(&facts->connection))
		return have;
	have |= NEED_CONNECTION;
	if (!doctor_failed(&facts->replication))
		have |= NEED_REPLICATION;
	if (doctor_failed(&facts->server))
		return have;
	have |= NEED_CATALOGS;
	if (!relay->in_recovery)
		have |= NEED_PRIMARY;
	if (doctor_failed(&facts->relay_error) || !relay->extension_found)
		return have;
	have |= NEED_RELAY;
	if (relay->registered && !relay->creating)
		have |= NEED_REGISTRATION;
	return have;
}

void
doctor_check_server(const ServerFacts *facts, const DoctorSetup *setup, FindingFn tell, void *arg)
{
	unsigned have = known(facts);
	Finding finding;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
	{
		if ((checks[i].needs & ~have) != 0)
			continue;
		finding_begin(&finding, checks[i].name);
		checks[i].check(facts, setup, &finding);
		if (finding.found[0] != '\0')
			tell(&finding, arg);
	}
}
