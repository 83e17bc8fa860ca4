/*
 * doctor_broker.c
 *	  What doctor has to say about Kafka.
 *
 * Refuses nothing.  An error is what makes the relay stop or wait: a topic that is gone,
 * one that takes no writes, an event that is accepted in SQL and refused in Kafka.  What
 * can lose acknowledged events in a failure of brokers is a warning.
 */
#include "doctor_broker.h"

#include "relay_check.h"

#include <stdio.h>
#include <string.h>

#define LIBRARY_RECOMMENDED 0x020500ff
#define LIBRARY_SCRAM 0x020601ff
#define REPLICAS_WANTED 3

/* Says it about one topic; false: there is nothing to say. */
typedef bool (*TopicCheckFn)(const BrokerFacts *facts, const TopicFacts *topic,
							 const DoctorSetup *setup, Finding *finding);

static bool
failed(const Error *error)
{
	return error->error_class != ERROR_CLASS_NONE;
}

/* -------------------------------------------------------------------------
 * the library and the brokers
 * -------------------------------------------------------------------------
 */

static void
check_library(const BrokerFacts *facts, Finding *finding)
{
	bool fatal = facts->library < 0x020201ff;
	bool batches = facts->library >= 0x020200ff && facts->library < LIBRARY_RECOMMENDED;

	if (facts->uses_scram && facts->library < LIBRARY_SCRAM)
	{
		finding_set(finding, FINDING_WARNING,
					"version %s can't log in to Kafka 4 and later with SCRAM", facts->library_text);
		finding_mend(finding, REMEDY_ADVICE,
					 "install librdkafka 2.6.1 or later, or use PLAIN over TLS or a certificate");
		return;
	}
	if (!fatal && !batches)
	{
		finding_set(finding, FINDING_OK, "version %s", facts->library_text);
		return;
	}
	finding_set(finding, FINDING_WARNING, "version %s lacks the fix of %s", facts->library_text,
				fatal
					? "#4438: a producer may fail for good after a lost connection, and the relay "
					  "then makes another one"
					: "#4736: a producer may fail for good when it repeats a large batch, and the "
					  "relay then makes another one");
	finding_mend(finding, REMEDY_ADVICE, "install librdkafka 2.6.1 or later");
}

static void
check_reach(const BrokerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	if (!failed(&facts->reach))
	{
		finding_set(finding, FINDING_OK, "%d broker%s, from %s", facts->brokers,
					facts->brokers == 1 ? "" : "s", setup->kafka_servers);
		return;
	}
	finding_set(finding, FINDING_ERROR, "%s (asked: %s)", facts->reach.message,
				setup->kafka_servers);
	finding_mend(
		finding, REMEDY_ADVICE, "%s",
		facts->reach.hint[0] != '\0'
			? facts->reach.hint
			: "start the brokers, or mend kafka.bootstrap.servers and the kafka.* settings "
			  "for TLS and SASL");
}

/* For topics that are yet to be made. */
static void
check_new_topics(const BrokerFacts *facts, Finding *finding)
{
	int64_t replicas = facts->topic_replicas > 0 ? facts->topic_replicas : facts->default_replicas;

	if (!facts->create_topics)
		finding_set(finding, FINDING_OK, "not made by the relay");
	else if (facts->topic_replicas > facts->brokers)
	{
		finding_set(finding, FINDING_ERROR,
					"with %d replicas, and there %s %d broker%s: none can be made",
					facts->topic_replicas, facts->brokers == 1 ? "is" : "are", facts->brokers,
					facts->brokers == 1 ? "" : "s");
		finding_mend(finding, REMEDY_SETTING, "topics.replication_factor = %d", facts->brokers);
	}
	else if (replicas != BROKER_VALUE_UNKNOWN && replicas < REPLICAS_WANTED &&
			 facts->brokers >= REPLICAS_WANTED)
	{
		finding_set(finding, FINDING_WARNING, "with %lld replica%s, and there are %d brokers",
					(long long) replicas, replicas == 1 ? "" : "s", facts->brokers);
		finding_mend(finding, REMEDY_SETTING, "topics.replication_factor = %d", REPLICAS_WANTED);
	}
	else
		finding_set(finding, FINDING_OK, "with %d partitions", facts->topic_partitions);
}

static void
check_settings(const BrokerFacts *facts, Finding *finding)
{
	if (!failed(&facts->settings))
		return;
	finding_set_error(finding, FINDING_WARNING, &facts->settings);
	finding_mend(finding, REMEDY_ADVICE,
				 "let the relay's user DescribeConfigs on topics and the cluster, or check "
				 "min.insync.replicas, unclean.leader.election.enable and max.message.bytes "
				 "yourself");
}

static const char *
fate_of_large(const DoctorSetup *setup)
{
	return setup->dead_letters ? "one becomes a dead letter" : "one stops the relay";
}

static void
check_producer_limit(const BrokerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	int64_t needed = facts->max_event_bytes + RECORD_OVERHEAD_BYTES;

	if (facts->max_event_bytes < 0)
		return;
	if (facts->producer_max_bytes >= needed)
	{
		finding_set(finding, FINDING_OK, "%lld bytes, events have at most %lld",
					(long long) facts->producer_max_bytes, (long long) facts->max_event_bytes);
		return;
	}
	finding_set(finding, FINDING_ERROR, "%lld bytes, but events of %lld are accepted: %s",
				(long long) facts->producer_max_bytes, (long long) facts->max_event_bytes,
				fate_of_large(setup));
	finding_mend(finding, REMEDY_SETTING, "kafka.message.max.bytes = %lld", (long long) needed);
}

static void
mend_default(Finding *finding, const DoctorSetup *setup, const char *name, const char *value)
{
	finding_mend(finding, REMEDY_SHELL,
				 "kafka-configs.sh --bootstrap-server %s --alter --entity-type brokers "
				 "--entity-default --add-config %s=%s",
				 setup->kafka_servers, name, value);
}

/* Topics that are made get these. */
static void
check_defaults(const BrokerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	int64_t needed = facts->max_event_bytes + RECORD_OVERHEAD_BYTES;
	char value[24];

	snprintf(value, sizeof(value), "%lld", (long long) needed);
	if (!facts->create_topics || failed(&facts->settings))
		return;
	if (facts->max_event_bytes >= 0 && facts->max_message_bytes != BROKER_VALUE_UNKNOWN &&
		facts->max_message_bytes < needed)
	{
		finding_set(finding, FINDING_ERROR,
					"message.max.bytes is %lld, but events of %lld are accepted: %s",
					(long long) facts->max_message_bytes, (long long) facts->max_event_bytes,
					fate_of_large(setup));
		mend_default(finding, setup, "message.max.bytes", value);
	}
	else if (facts->unclean_election == 1)
	{
		finding_set(finding, FINDING_WARNING,
					"unclean.leader.election.enable is on: a replica that lacks acknowledged "
					"events may become a leader");
		mend_default(finding, setup, "unclean.leader.election.enable", "false");
	}
	else if (facts->min_insync_replicas == 1 && facts->brokers >= REPLICAS_WANTED)
	{
		finding_set(finding, FINDING_WARNING,
					"min.insync.replicas is 1: an event may be acknowledged that a single broker "
					"has");
		mend_default(finding, setup, "min.insync.replicas", "2");
	}
	else
		finding_set(finding, FINDING_OK, "fit for topics that the relay makes");
}

/* -------------------------------------------------------------------------
 * topics
 * -------------------------------------------------------------------------
 */

static void
mend_topic(Finding *finding, const DoctorSetup *setup, const TopicFacts *topic, const char *name,
		   long long value)
{
	finding_mend(finding, REMEDY_SHELL,
				 "kafka-configs.sh --bootstrap-server %s --alter --entity-type topics "
				 "--entity-name %s --add-config %s=%lld",
				 setup->kafka_servers, topic->name, name, value);
}

static bool
check_partitions(const BrokerFacts *facts, const TopicFacts *topic, const DoctorSetup *setup,
				 Finding *finding)
{
	Error error;
	bool grew;

	error_clear(&error);
	if (failed(&topic->error))
	{
		finding_set_error(finding, FINDING_ERROR, &topic->error);
		finding_mend(finding, REMEDY_ADVICE,
					 "let the relay's user Describe and Write the topic \"%s\"", topic->name);
		return true;
	}
	if (!relay_check_topic(topic->name, topic->recorded, topic->partitions, &grew, &error))
	{
		finding_set_error(finding, FINDING_ERROR, &error);
		/* One that the user may not describe looks the same. */
		if (topic->partitions == 0)
			finding_mend(
				finding, REMEDY_SHELL,
				"kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %u "
				"--replication-factor %d",
				setup->kafka_servers, topic->name, topic->recorded,
				facts->brokers < REPLICAS_WANTED ? facts->brokers : REPLICAS_WANTED);
		else
			finding_mend(finding, REMEDY_SHELL,
						 "kafka-topics.sh --bootstrap-server %s --alter --topic %s --partitions %u",
						 setup->kafka_servers, topic->name, topic->recorded);
		return true;
	}
	if (!grew)
		return false;
	/* The rest of its partitions stay empty; that is what keeps the order of each key. */
	finding_set(finding, FINDING_WARNING,
				"\"%s\" has %u partitions, of which the %u that are recorded get events",
				topic->name, topic->partitions, topic->recorded);
	finding_mend_by_relay(finding, setup, "repartition");
	return true;
}

static bool
check_replicas(const BrokerFacts *facts, const TopicFacts *topic, const DoctorSetup *setup,
			   Finding *finding)
{
	(void) setup;
	if (topic->replicas >= REPLICAS_WANTED)
		return false;
	if (facts->brokers >= REPLICAS_WANTED)
	{
		finding_set(finding, FINDING_WARNING,
					"\"%s\" has %d, and there are %d brokers: events are lost with %s", topic->name,
					topic->replicas, facts->brokers,
					topic->replicas == 1 ? "one disk" : "two disks");
		finding_mend(finding, REMEDY_ADVICE,
					 "kafka-reassign-partitions.sh, with a plan that gives each partition %d",
					 REPLICAS_WANTED);
		return true;
	}
	if (topic->replicas >= facts->brokers)
		return false; /* said once, by check_broker_count() */
	finding_set(finding, FINDING_WARNING, "\"%s\" has %d, and there are %d brokers", topic->name,
				topic->replicas, facts->brokers);
	finding_mend(finding, REMEDY_ADVICE,
				 "kafka-reassign-partitions.sh, with a plan that gives each partition %d",
				 facts->brokers);
	return true;
}

static bool
check_insync(const BrokerFacts *facts, const TopicFacts *topic, const DoctorSetup *setup,
			 Finding *finding)
{
	long long wanted = topic->replicas > 2 ? topic->replicas - 1 : 1;
	long long least = topic->min_insync_replicas;

	(void) facts;
	if (least == BROKER_VALUE_UNKNOWN)
		return false;
	/* Kafka 3.7 and later ask for no more than there are. */
	if ((least < topic->replicas ? least : topic->replicas) > topic->in_sync)
	{
		finding_set(finding, FINDING_ERROR,
					"\"%s\" wants %lld, and %d are in sync: the relay waits", topic->name, least,
					topic->in_sync);
		finding_mend(finding, REMEDY_ADVICE, "bring the brokers of its other replicas back");
		return true;
	}
	if (least > topic->replicas)
	{
		finding_set(finding, FINDING_WARNING,
					"\"%s\" wants %lld, and has %d: Kafka before 3.7 refuses every write, later "
					"versions refuse them while one is away",
					topic->name, least, topic->replicas);
		mend_topic(finding, setup, topic, "min.insync.replicas", wanted);
		return true;
	}
	if (least > 1 || topic->replicas < REPLICAS_WANTED)
		return false;
	finding_set(finding, FINDING_WARNING,
				"\"%s\" wants 1: an event may be acknowledged that a single broker has",
				topic->name);
	mend_topic(finding, setup, topic, "min.insync.replicas", wanted);
	return true;
}

static bool
check_unclean(const BrokerFacts *facts, const TopicFacts *topic, const DoctorSetup *setup,
			  Finding *finding)
{
	(void) facts;
	if (topic->unclean_election != 1)
		return false;
	finding_set(finding, FINDING_WARNING,
				"on for \"%s\": a replica that lacks acknowledged events may become the leader",
				topic->name);
	finding_mend(finding, REMEDY_SHELL,
				 "kafka-configs.sh --bootstrap-server %s --alter --entity-type topics "
				 "--entity-name %s --add-config unclean.leader.election.enable=false",
				 setup->kafka_servers, topic->name);
	return true;
}

static bool
check_message_bytes(const BrokerFacts *facts, const TopicFacts *topic, const DoctorSetup *setup,
					Finding *finding)
{
	long long needed = facts->max_event_bytes + RECORD_OVERHEAD_BYTES;

	if (facts->max_event_bytes < 0 || topic->max_message_bytes == BROKER_VALUE_UNKNOWN ||
		topic->max_message_bytes >= needed)
		return false;
	finding_set(finding, FINDING_ERROR, "\"%s\" takes %lld, but events of %lld are accepted: %s",
				topic->name, (long long) topic->max_message_bytes,
				(long long) facts->max_event_bytes, fate_of_large(setup));
	mend_topic(finding, setup, topic, "max.message.bytes", needed);
	return true;
}

/* With one broker, or two, there is nothing that a topic could do about it. */
static void
check_broker_count(const BrokerFacts *facts, Finding *finding)
{
	if (facts->brokers >= REPLICAS_WANTED)
		return;
	finding_set(finding, FINDING_WARNING, "%d broker%s: acknowledged events are lost with %s",
				facts->brokers, facts->brokers == 1 ? "" : "s",
				facts->brokers == 1 ? "its disk" : "their disks");
	finding_mend(finding, REMEDY_ADVICE, "%d brokers, and as many replicas of each topic",
				 REPLICAS_WANTED);
}

/* It must keep the last position of each relay for ever, and take writes. */
static void
check_position_topic(const BrokerFacts *facts, const DoctorSetup *setup, Finding *finding)
{
	const TopicFacts *topic = &facts->position;

	if (failed(&topic->error))
	{
		finding_set_error(finding, FINDING_ERROR, &topic->error);
		finding_mend(finding, REMEDY_ADVICE,
					 "let the relay's user Describe, Read and Write the topic \"%s\"", topic->name);
	}
	else if (topic->partitions == 0 && facts->create_topics)
		finding_set(finding, FINDING_OK, "\"%s\" is yet to be made", topic->name);
	else if (topic->partitions == 0)
	{
		finding_set(finding, FINDING_ERROR, "\"%s\" doesn't exist, and topics.create is off",
					topic->name);
		finding_mend(finding, REMEDY_SHELL,
					 "kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions 1 "
					 "--replication-factor %d --config cleanup.policy=compact "
					 "--config message.timestamp.type=LogAppendTime",
					 setup->kafka_servers, topic->name,
					 facts->brokers < REPLICAS_WANTED ? facts->brokers : REPLICAS_WANTED);
	}
	else if (topic->compacted == 0)
	{
		finding_set(finding, FINDING_ERROR,
					"the cleanup.policy of \"%s\" isn't \"compact\": positions are deleted some "
					"day, and a relay without one stops with status 10",
					topic->name);
		finding_mend(finding, REMEDY_SHELL,
					 "kafka-configs.sh --bootstrap-server %s --alter --entity-type topics "
					 "--entity-name %s --add-config cleanup.policy=compact",
					 setup->kafka_servers, topic->name);
	}
	else if (!check_insync(facts, topic, setup, finding) &&
			 !check_unclean(facts, topic, setup, finding) &&
			 !check_replicas(facts, topic, setup, finding))
		finding_set(finding, FINDING_OK, "\"%s\" is compacted, as far as can be seen", topic->name);
}

typedef struct TopicCheck
{
	const char *name;
	bool existing; /* only of topics that are there */
	TopicCheckFn check;
	const char *fine;
} TopicCheck;

static const TopicCheck topic_checks[] = {
	{"topics", false, check_partitions, "as recorded"},
	{"replication factor", true, check_replicas, "as many as the brokers allow, or three"},
	{"min.insync.replicas", true, check_insync, "writes are taken"},
	{"unclean.leader.election", true, check_unclean, "off, as far as can be seen"},
	{"max.message.bytes", true, check_message_bytes, "large enough, as far as can be seen"},
};

static void
check_topics(const BrokerFacts *facts, const DoctorSetup *setup, const TopicCheck *check,
			 FindingFn tell, void *arg)
{
	Finding finding;
	bool said = false;

	for (int i = 0; i < facts->topic_count; i++)
	{
		const TopicFacts *topic = &facts->topics[i];

		if (check->existing && (failed(&topic->error) || topic->partitions == 0))
			continue;
		finding_begin(&finding, check->name);
		if (!check->check(facts, topic, setup, &finding))
			continue;
		tell(&finding, arg);
		said = true;
	}
	if (said)
		return;
	finding_begin(&finding, check->name);
	finding_set(&finding, FINDING_OK, "%d in the routing map: %s", facts->topic_count, check->fine);
	tell(&finding, arg);
}

typedef void (*BrokerCheckFn)(const BrokerFacts *facts, Finding *finding);

static void
check_once(const BrokerFacts *facts, const char *name, BrokerCheckFn check, FindingFn tell,
		   void *arg)
{
	Finding finding;

	finding_begin(&finding, name);
	check(facts, &finding);
	if (finding.found[0] != '\0')
		tell(&finding, arg);
}

void
doctor_check_broker(const BrokerFacts *facts, const DoctorSetup *setup, FindingFn tell, void *arg)
{
	Finding finding;

	check_once(facts, "librdkafka", check_library, tell, arg);
	finding_begin(&finding, "message.max.bytes");
	check_producer_limit(facts, setup, &finding);
	if (finding.found[0] != '\0')
		tell(&finding, arg);
	finding_begin(&finding, "kafka");
	check_reach(facts, setup, &finding);
	tell(&finding, arg);
	if (failed(&facts->reach))
		return;
	check_once(facts, "brokers", check_broker_count, tell, arg);
	check_once(facts, "broker settings", check_settings, tell, arg);
	finding_begin(&finding, "broker defaults");
	check_defaults(facts, setup, &finding);
	if (finding.found[0] != '\0')
		tell(&finding, arg);
	check_once(facts, "new topics", check_new_topics, tell, arg);
	if (facts->exactly_once)
	{
		finding_begin(&finding, "position topic");
		check_position_topic(facts, setup, &finding);
		tell(&finding, arg);
	}
	if (!facts->topics_known)
		return;
	for (size_t i = 0; i < sizeof(topic_checks) / sizeof(topic_checks[0]); i++)
		check_topics(facts, setup, &topic_checks[i], tell, arg);
}
