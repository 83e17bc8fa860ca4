/*
 * test_doctor_broker.c
 *	  What doctor says about Kafka: each finding from its facts, with its line.
 */
#include "unit.h"

#include "doctor_broker.h"
#include "exit_codes.h"

static DoctorSetup setup = {.slot = "slot", .publication = "pub", .kafka_servers = "k:9092"};

#define CONFIGS "kafka-configs.sh --bootstrap-server k:9092 --alter "
#define OF_TOPIC CONFIGS "--entity-type topics --entity-name t --add-config "
#define OF_BROKERS CONFIGS "--entity-type brokers --entity-default --add-config "

static TopicFacts topics[2];
static Finding findings[40];
static int count;

static BrokerFacts
good(void)
{
	for (size_t i = 0; i < LENGTH(topics); i++)
	{
		topics[i] = (TopicFacts){.recorded = 3,
								 .partitions = 3,
								 .replicas = 3,
								 .in_sync = 3,
								 .min_insync_replicas = 2,
								 .max_message_bytes = 1048588,
								 .unclean_election = 0};
		snprintf(topics[i].name, sizeof(topics[i].name), "%s", i == 0 ? "t" : "other");
	}
	return (BrokerFacts){.library = 0x020500ff,
						 .library_text = "2.5.0",
						 .producer_max_bytes = 1000000,
						 .brokers = 3,
						 .default_replicas = 3,
						 .min_insync_replicas = 2,
						 .unclean_election = 0,
						 .max_message_bytes = 1048588,
						 .topics = topics,
						 .topic_count = 2,
						 .topics_known = true,
						 .max_event_bytes = 921600,
						 .create_topics = true,
						 .topic_partitions = 3,
						 .topic_replicas = -1};
}

/* Its title says that a reload takes it. */
static void
check_setting(const Finding *finding)
{
	const OptionSpec *spec = relay_option_table.specs;
	size_t len = strcspn(finding->remedy, " ");

	assert_string_equal(remedy_place_title(finding->place),
						"the relay's configuration file, then reload it");
	if (strncmp(finding->remedy, "kafka.", 6) == 0 && relay_option_table.passthrough_reloadable)
		return;
	while (spec->name != NULL &&
		   (strlen(spec->name) != len || strncmp(spec->name, finding->remedy, len) != 0))
		spec++;
	assert_non_null(spec->name);
	assert_true(spec->flags & OPTION_RELOADABLE);
}

static void
take(const Finding *finding, void *arg)
{
	(void) arg;
	assert_true(count < (int) LENGTH(findings));
	if ((finding->severity == FINDING_OK) != (finding->place == REMEDY_NONE))
		fail_msg("%s: %s", finding->check, finding->found);
	if (finding->place == REMEDY_SETTING)
		check_setting(finding);
	findings[count++] = *finding;
}

static int
look(const BrokerFacts *facts)
{
	int fine = 0;

	count = 0;
	doctor_check_broker(facts, &setup, take, NULL);
	for (int i = 0; i < count; i++)
		fine += findings[i].severity == FINDING_OK ? 1 : 0;
	return count - fine;
}

/* Exactly this isn't fine. */
static void
expect(const BrokerFacts *facts, const char *check, FindingSeverity severity, RemedyPlace place,
	   const char *remedy)
{
	int found = 0;

	(void) look(facts);
	for (int i = 0; i < count; i++)
	{
		const Finding *finding = &findings[i];

		if (finding->severity == FINDING_OK)
			continue;
		if (strcmp(finding->check, check) != 0)
			fail_msg("%s: also %s: %s", check, finding->check, finding->found);
		assert_int_equal(finding->severity, severity);
		assert_int_equal(finding->place, place);
		if (remedy != NULL)
			assert_string_equal(finding->remedy, remedy);
		found++;
	}
	assert_int_equal(found, 1);
}

#define EXPECT(change, check, severity, place, remedy)                                             \
	do                                                                                             \
	{                                                                                              \
		BrokerFacts facts = good();                                                                \
                                                                                                   \
		change;                                                                                    \
		expect(&facts, check, severity, place, remedy);                                            \
	} while (0)

static void
is_content_with_what_is_as_it_must_be(void **state)
{
	BrokerFacts facts = good();

	(void) state;
	assert_int_equal(look(&facts), 0);
	assert_true(count >= 9);
	/* What can't be seen is no fault. */
	topics[1].min_insync_replicas = topics[1].max_message_bytes = topics[1].unclean_election =
		BROKER_VALUE_UNKNOWN;
	facts.max_event_bytes = EVENT_BYTES_UNKNOWN;
	assert_int_equal(look(&facts), 0);
	facts.topics_known = false;
	facts.topic_count = 0;
	assert_int_equal(look(&facts), 0);
}

static void
knows_what_a_library_lacks(void **state)
{
	static const struct
	{
		int version;
		const char *lacks; /* NULL: nothing */
	} rows[] = {
		{0x020002ff, "#4438"}, {0x020100ff, "#4438"}, {0x020200ff, "#4438"}, {0x020201ff, "#4736"},
		{0x020300ff, "#4736"}, {0x020400ff, "#4736"}, {0x020500ff, NULL},	 {0x020e00ff, NULL},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		BrokerFacts facts = good();

		facts.library = rows[i].version;
		if (rows[i].lacks == NULL)
		{
			assert_int_equal(look(&facts), 0);
			continue;
		}
		/* One version mends all that is said of it. */
		expect(&facts, "librdkafka", FINDING_WARNING, REMEDY_ADVICE,
			   "install librdkafka 2.6.1 or later");
		assert_non_null(strstr(findings[0].found, rows[i].lacks));
	}
}

/* What becomes of an event that is too large, wherever it is too large for. */
static void
knows_what_becomes_of_a_large_event(void **state)
{
	static const char *const checks[] = {"message.max.bytes", "broker defaults",
										 "max.message.bytes"};

	(void) state;
	for (size_t i = 0; i < 2 * LENGTH(checks); i++)
	{
		BrokerFacts facts = good();
		const char *check = checks[i / 2];
		const Finding *finding = NULL;

		setup.dead_letters = i % 2 == 1;
		if (i / 2 == 0)
			facts.producer_max_bytes = 900000;
		else if (i / 2 == 1)
			facts.max_message_bytes = 900000;
		else
			topics[1].max_message_bytes = 900000;
		assert_int_equal(look(&facts), 1);
		for (int n = 0; n < count; n++)
			finding = findings[n].severity != FINDING_OK ? &findings[n] : finding;
		assert_string_equal(finding->check, check);
		assert_non_null(strstr(finding->found, setup.dead_letters ? ": one becomes a dead letter"
																  : ": one stops the relay"));
	}
	setup.dead_letters = false;
}

static void
knows_the_brokers(void **state)
{
	(void) state;
	EXPECT(error_transient(&facts.reach, "Kafka doesn't answer"), "kafka", FINDING_ERROR,
		   REMEDY_ADVICE, NULL);
	assert_int_equal(count, 3); /* the rest is unknown */
	EXPECT(error_transient(&facts.settings, "denied"), "broker settings", FINDING_WARNING,
		   REMEDY_ADVICE, NULL);
	EXPECT(
		{
			facts.brokers = 1;
			topics[0].replicas = topics[0].in_sync = topics[0].min_insync_replicas = 1;
			topics[1] = topics[0];
		},
		"brokers", FINDING_WARNING, REMEDY_ADVICE, NULL);
	EXPECT(facts.producer_max_bytes = 900000, "message.max.bytes", FINDING_ERROR, REMEDY_SETTING,
		   "kafka.message.max.bytes = 925696");
	EXPECT(facts.default_replicas = 1, "new topics", FINDING_WARNING, REMEDY_SETTING,
		   "topics.replication_factor = 3");
	EXPECT(facts.topic_replicas = 4, "new topics", FINDING_ERROR, REMEDY_SETTING,
		   "topics.replication_factor = 3");
	EXPECT(facts.max_message_bytes = 500000, "broker defaults", FINDING_ERROR, REMEDY_SHELL,
		   OF_BROKERS "message.max.bytes=925696");
	EXPECT(facts.unclean_election = 1, "broker defaults", FINDING_WARNING, REMEDY_SHELL,
		   OF_BROKERS "unclean.leader.election.enable=false");
	EXPECT(facts.min_insync_replicas = 1, "broker defaults", FINDING_WARNING, REMEDY_SHELL,
		   OF_BROKERS "min.insync.replicas=2");
	{
		BrokerFacts facts = good();

		/* Topics that somebody else makes have defaults of their own. */
		facts.create_topics = false;
		facts.max_message_bytes = facts.default_replicas = 1;
		assert_int_equal(look(&facts), 0);
	}
}

static void
knows_the_topics(void **state)
{
	(void) state;
	EXPECT(topics[0].partitions = 0, "topics", FINDING_ERROR, REMEDY_SHELL,
		   "kafka-topics.sh --bootstrap-server k:9092 --create --topic t --partitions 3 "
		   "--replication-factor 3");
	EXPECT(topics[0].partitions = 2, "topics", FINDING_ERROR, REMEDY_SHELL,
		   "kafka-topics.sh --bootstrap-server k:9092 --alter --topic t --partitions 3");
	EXPECT(topics[0].partitions = 12, "topics", FINDING_WARNING, REMEDY_SHELL,
		   "outbox-relay repartition");
	EXPECT(error_permanent(&topics[0].error, EXIT_POISON, "denied"), "topics", FINDING_ERROR,
		   REMEDY_ADVICE, NULL);
	EXPECT(topics[0].replicas = 1; topics[0].min_insync_replicas = 1;
		   topics[0].in_sync = 1, "replication factor", FINDING_WARNING, REMEDY_ADVICE, NULL);
	EXPECT(topics[0].min_insync_replicas = 1, "min.insync.replicas", FINDING_WARNING, REMEDY_SHELL,
		   OF_TOPIC "min.insync.replicas=2");
	/* Kafka 3.7 and later take it for the number of replicas, older ones refuse every write. */
	EXPECT(topics[0].min_insync_replicas = 4, "min.insync.replicas", FINDING_WARNING, REMEDY_SHELL,
		   OF_TOPIC "min.insync.replicas=2");
	EXPECT(topics[0].min_insync_replicas = 4;
		   topics[0].in_sync = 2, "min.insync.replicas", FINDING_ERROR, REMEDY_ADVICE, NULL);
	EXPECT(topics[0].in_sync = 1, "min.insync.replicas", FINDING_ERROR, REMEDY_ADVICE, NULL);
	EXPECT(topics[0].unclean_election = 1, "unclean.leader.election", FINDING_WARNING, REMEDY_SHELL,
		   OF_TOPIC "unclean.leader.election.enable=false");
	EXPECT(topics[0].max_message_bytes = 925695, "max.message.bytes", FINDING_ERROR, REMEDY_SHELL,
		   OF_TOPIC "max.message.bytes=925696");
}

static BrokerFacts
exactly_once(void)
{
	BrokerFacts facts = good();

	facts.exactly_once = true;
	facts.position = topics[0];
	facts.position.compacted = 1;
	return facts;
}

#define EXPECT_POSITION(change, severity, place, remedy)                                           \
	do                                                                                             \
	{                                                                                              \
		BrokerFacts facts = exactly_once();                                                        \
                                                                                                   \
		change;                                                                                    \
		expect(&facts, "position topic", severity, place, remedy);                                 \
	} while (0)

static void
wants_a_position_topic_that_keeps_positions(void **state)
{
	(void) state;
	EXPECT_POSITION(facts.position.compacted = 0, FINDING_ERROR, REMEDY_SHELL,
					OF_TOPIC "cleanup.policy=compact");
	EXPECT_POSITION((facts.position.partitions = 0, facts.create_topics = false), FINDING_ERROR,
					REMEDY_SHELL,
					"kafka-topics.sh --bootstrap-server k:9092 --create --topic t --partitions 1 "
					"--replication-factor 3 --config cleanup.policy=compact "
					"--config message.timestamp.type=LogAppendTime");
	EXPECT_POSITION(facts.position.unclean_election = 1, FINDING_WARNING, REMEDY_SHELL,
					OF_TOPIC "unclean.leader.election.enable=false");
	EXPECT_POSITION(facts.position.in_sync = 1, FINDING_ERROR, REMEDY_ADVICE, NULL);
	EXPECT_POSITION(error_permanent(&facts.position.error, EXIT_PERMISSION, "refused"),
					FINDING_ERROR, REMEDY_ADVICE, NULL);
}

static void
is_content_with_other_position_topics(void **state)
{
	BrokerFacts facts = exactly_once();

	(void) state;
	assert_int_equal(look(&facts), 0);
	/* A user who may see the topic and not its settings. */
	facts.position.compacted = BROKER_VALUE_UNKNOWN;
	assert_int_equal(look(&facts), 0);
	facts.position.partitions = 0;
	assert_int_equal(look(&facts), 0);
	/* At least once has none. */
	facts = exactly_once();
	facts.exactly_once = false;
	facts.position.compacted = 0;
	assert_int_equal(look(&facts), 0);
}

/* What is found of that check; "" when nothing is. */
static const char *
found_of(const BrokerFacts *facts, const char *words)
{
	(void) look(facts);
	for (int i = 0; i < count; i++)
	{
		if (strstr(findings[i].found, words) != NULL)
			return findings[i].found;
	}
	return "";
}

/* One broker, two and three: in words, and what topics could do about it. */
static void
small_clusters(void **state)
{
	BrokerFacts facts = good();

	(void) state;
	assert_string_equal(found_of(&facts, "from k:9092"), "3 brokers, from k:9092");
	facts.brokers = 1;
	facts.default_replicas = 1;
	topics[0].replicas = topics[0].in_sync = topics[1].replicas = topics[1].in_sync = 1;
	topics[0].min_insync_replicas = topics[1].min_insync_replicas = 1;
	facts.min_insync_replicas = 1;
	assert_string_equal(found_of(&facts, "from k:9092"), "1 broker, from k:9092");
	assert_string_equal(found_of(&facts, "acknowledged events are lost"),
						"1 broker: acknowledged events are lost with its disk");
	/* Neither topics nor settings can mend it. */
	assert_string_equal(found_of(&facts, "there are 1 brokers"), "");
	assert_string_equal(found_of(&facts, "min.insync.replicas is 1"), "");
	facts.topic_replicas = 2;
	assert_string_equal(found_of(&facts, "none can be made"),
						"with 2 replicas, and there is 1 broker: none can be made");
	facts.topic_replicas = 3;
	facts.brokers = 2;
	assert_string_equal(found_of(&facts, "none can be made"),
						"with 3 replicas, and there are 2 brokers: none can be made");
	assert_string_equal(found_of(&facts, "acknowledged events are lost"),
						"2 brokers: acknowledged events are lost with their disks");
	assert_string_equal(found_of(&facts, "\"t\" has 1"), "\"t\" has 1, and there are 2 brokers");
	facts.brokers = 3;
	facts.topic_replicas = 1;
	assert_string_equal(found_of(&facts, "with 1 replica"),
						"with 1 replica, and there are 3 brokers");
	assert_string_equal(found_of(&facts, "with one disk"),
						"\"t\" has 1, and there are 3 brokers: events are lost with one disk");
	topics[0].replicas = topics[1].replicas = 2;
	assert_string_equal(found_of(&facts, "with two disks"),
						"\"t\" has 2, and there are 3 brokers: events are lost with two disks");
	facts.topic_replicas = 2;
	assert_string_equal(found_of(&facts, "with 2 replicas"),
						"with 2 replicas, and there are 3 brokers");
	assert_string_equal(found_of(&facts, "min.insync.replicas is 1: an event"),
						"min.insync.replicas is 1: an event may be acknowledged that a single "
						"broker has");
}

static void
sizes_that_are_not_known(void **state)
{
	BrokerFacts facts = good();

	(void) state;
	facts.max_message_bytes = 5;
	topics[0].max_message_bytes = 5;
	assert_int_equal(look(&facts), 2);
	facts.max_message_bytes = BROKER_VALUE_UNKNOWN;
	topics[0].max_message_bytes = BROKER_VALUE_UNKNOWN;
	assert_int_equal(look(&facts), 0);
	facts.max_message_bytes = 5;
	topics[0].max_message_bytes = 5;
	facts.max_event_bytes = EVENT_BYTES_UNKNOWN;
	assert_string_equal(found_of(&facts, "are accepted"), "");
}

static void
no_broker(void **state)
{
	BrokerFacts facts = good();

	(void) state;
	error_permanent(&facts.reach, EXIT_PERMISSION, "refused");
	(void) look(&facts);
	assert_non_null(strstr(findings[count - 1].remedy, "start the brokers"));
	error_hint(&facts.reach, "Mend it.");
	(void) look(&facts);
	assert_string_equal(findings[count - 1].remedy, "Mend it.");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_clusters),
		cmocka_unit_test(sizes_that_are_not_known),
		cmocka_unit_test(no_broker),
		cmocka_unit_test(is_content_with_what_is_as_it_must_be),
		cmocka_unit_test(knows_what_a_library_lacks),
		cmocka_unit_test(knows_what_becomes_of_a_large_event),
		cmocka_unit_test(knows_the_brokers),
		cmocka_unit_test(knows_the_topics),
		cmocka_unit_test(wants_a_position_topic_that_keeps_positions),
		cmocka_unit_test(is_content_with_other_position_topics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
