/*
 * doctoring.h
 *	  For the tests of doctor's judgement of PostgreSQL: the facts of a server with which all
 *	  is well, and what is said once one of them is changed.
 */
#ifndef OUTBOX_TEST_DOCTORING_H
#define OUTBOX_TEST_DOCTORING_H

#include "unit.h"

#include "doctor_intern.h"
#include "exit_codes.h"
#include "relay_facts.h"

static const DoctorSetup setup = {.slot = "slot", .publication = "pub", .kafka_servers = "k:9092"};

static inline ServerFacts
good(void)
{
	return (ServerFacts){
		.version = "15.20",
		.database = "app",
		.role = "relay",
		.slots = 1,
		.slots_max = 10,
		.senders = 1,
		.senders_max = 10,
		.plugins = "pgoutput, test_decoding",
		.plugins_listed = true,
		.extension_version = "0.2.0",
		.extension_available = "0.2.0",
		.schema_found = true,
		.max_event_bytes = 921600,
		.relay = sound_relay_facts(),
		.routing_recorded = true,
		.system_identifier = "77",
		.timeline = 3,
		.flushed = 1000,
		.application_name = "outbox-relay",
		.wal_status = "reserved",
		.slot_keep_mb = 4096,
		.max_wal_mb = 1024,
		.safe_wal_known = true,
		.safe_wal_size = INT64_C(4096) * 1024 * 1024,
	};
}

/* What was found, by the name of its check. */
typedef struct Found
{
	int count;
	int ok;
	Finding all[40];
} Found;

static inline void
take(const Finding *finding, void *arg)
{
	Found *found = arg;

	assert_true(found->count < (int) LENGTH(found->all));
	assert_true(finding->found[0] != '\0');
	/* Whatever isn't fine has something to do, and whatever is fine has nothing. */
	if ((finding->severity == FINDING_OK) != (finding->place == REMEDY_NONE))
		fail_msg("%s: %s", finding->check, finding->found);
	found->ok += finding->severity == FINDING_OK ? 1 : 0;
	found->all[found->count++] = *finding;
}

static inline const Finding *
find(const Found *found, const char *check)
{
	for (int i = 0; i < found->count; i++)
	{
		if (strcmp(found->all[i].check, check) == 0)
			return &found->all[i];
	}
	return NULL;
}

static Found found;

static inline void
look(const ServerFacts *facts)
{
	memset(&found, 0, sizeof(found));
	doctor_check_server(facts, &setup, take, &found);
}

/* Only this check isn't fine. */
static inline void
expect(const ServerFacts *facts, const char *check, FindingSeverity severity, RemedyPlace place,
	   const char *remedy)
{
	const Finding *finding;

	look(facts);
	finding = find(&found, check);
	if (finding == NULL)
		fail_msg("%s: nothing was said", check);
	assert_int_equal(finding->severity, severity);
	assert_int_equal(finding->place, place);
	if (remedy != NULL)
		assert_string_equal(finding->remedy, remedy);
	for (int i = 0; i < found.count; i++)
	{
		if (found.all[i].severity != FINDING_OK && strcmp(found.all[i].check, check) != 0)
			fail_msg("%s: also %s: %s", check, found.all[i].check, found.all[i].found);
	}
}

/* The facts change in one place, then that check says so. */
#define EXPECT(change, check, severity, place, remedy)                                             \
	do                                                                                             \
	{                                                                                              \
		ServerFacts facts = good();                                                                \
                                                                                                   \
		change;                                                                                    \
		expect(&facts, check, severity, place, remedy);                                            \
	} while (0)

#define SET(field, text) snprintf(facts.field, sizeof(facts.field), "%s", text)

#endif
