/*
 * kafka_doctor.c
 *	  Looks at Kafka for doctor: metadata, and settings of a broker and of topics.
 *
 * Refuses nothing.  Invariants: only topics that metadata named are asked about, so
 * that none is made by a broker with auto.create.topics.enable.
 */
#include "kafka_doctor.h"

#include "kafka_conf.h"
#include "kafka_trust.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METADATA_TIMEOUT_MS 5000
#define SETTINGS_TIMEOUT_MS 10000
#define ERROR_TEXT_SIZE 256

static int64_t
number_of(const char *value)
{
	if (value == NULL)
		return BROKER_VALUE_UNKNOWN;
	if (strcmp(value, "true") == 0)
		return 1;
	if (strcmp(value, "false") == 0)
		return 0;
	if (strcmp(value, "compact") == 0) /* of cleanup.policy, where nothing else is good */
		return 1;
	return strtoll(value, NULL, 10);
}

static int64_t
producer_limit(const rd_kafka_conf_t *conf)
{
	char value[32];
	size_t size = sizeof(value);

	if (rd_kafka_conf_get(conf, "message.max.bytes", value, &size) != RD_KAFKA_CONF_OK)
		return BROKER_VALUE_UNKNOWN;
	return number_of(value);
}

static bool
has_scram(const rd_kafka_conf_t *conf)
{
	char value[32];
	size_t size = sizeof(value);

	return rd_kafka_conf_get(conf, "sasl.mechanisms", value, &size) == RD_KAFKA_CONF_OK &&
		   strncmp(value, "SCRAM", 5) == 0;
}

/* -------------------------------------------------------------------------
 * metadata
 * -------------------------------------------------------------------------
 */

/* NULL: none that is asked for. */
static TopicFacts *
find_topic(BrokerFacts *facts, const char *name)
{
	for (int i = 0; i < facts->topic_count; i++)
	{
		if (strcmp(facts->topics[i].name, name) == 0)
			return &facts->topics[i];
	}
	return strcmp(facts->position.name, name) == 0 ? &facts->position : NULL;
}

static void
take_topic(TopicFacts *facts, const rd_kafka_metadata_topic_t *topic)
{
	if (topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		return;
	if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		kafka_error_fill(&facts->error, topic->err, "look at a topic");
		error_detail(&facts->error, "The topic is \"%s\".", facts->name);
		return;
	}
	facts->partitions = (uint32_t) topic->partition_cnt;
	for (int i = 0; i < topic->partition_cnt; i++)
	{
		const rd_kafka_metadata_partition_t *partition = &topic->partitions[i];

		if (i == 0 || partition->replica_cnt < facts->replicas)
			facts->replicas = partition->replica_cnt;
		if (i == 0 || partition->isr_cnt < facts->in_sync)
			facts->in_sync = partition->isr_cnt;
	}
}

/* All topics: asking for one by its name could make it. */
static bool
read_metadata(rd_kafka_t *handle, BrokerFacts *facts, int *broker)
{
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_resp_err_t code = rd_kafka_metadata(handle, 1, NULL, &metadata, METADATA_TIMEOUT_MS);

	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		error_transient(&facts->reach, "Kafka doesn't answer: %s", rd_kafka_err2str(code));
		return kafka_explain(handle, &facts->reach);
	}
	facts->brokers = metadata->broker_cnt;
	*broker = metadata->broker_cnt > 0 ? metadata->brokers[0].id : -1;
	for (int i = 0; i < metadata->topic_cnt; i++)
	{
		TopicFacts *topic = find_topic(facts, metadata->topics[i].topic);

		if (topic != NULL)
			take_topic(topic, &metadata->topics[i]);
	}
	rd_kafka_metadata_destroy(metadata);
	return true;
}

/* -------------------------------------------------------------------------
 * settings
 * -------------------------------------------------------------------------
 */

static void
take_broker_setting(BrokerFacts *facts, const char *name, int64_t value)
{
	if (strcmp(name, "default.replication.factor") == 0)
		facts->default_replicas = value;
	else if (strcmp(name, "min.insync.replicas") == 0)
		facts->min_insync_replicas = value;
	else if (strcmp(name, "unclean.leader.election.enable") == 0)
		facts->unclean_election = value;
	else if (strcmp(name, "message.max.bytes") == 0)
		facts->max_message_bytes = value;
}

static void
take_topic_setting(TopicFacts *topic, const char *name, int64_t value)
{
	if (strcmp(name, "min.insync.replicas") == 0)
		topic->min_insync_replicas = value;
	else if (strcmp(name, "unclean.leader.election.enable") == 0)
		topic->unclean_election = value;
	else if (strcmp(name, "max.message.bytes") == 0)
		topic->max_message_bytes = value;
	else if (strcmp(name, "cleanup.policy") == 0)
		topic->compacted = value;
}

static void
take_resource(BrokerFacts *facts, const rd_kafka_ConfigResource_t *resource)
{
	const char *name = rd_kafka_ConfigResource_name(resource);
	rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resource);
	size_t count = 0;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
	TopicFacts *topic = NULL;

	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		error_transient(&facts->settings, "could not read the settings of \"%s\": %s", name,
						rd_kafka_err2str(code));
		return;
	}
	if (rd_kafka_ConfigResource_type(resource) == RD_KAFKA_RESOURCE_TOPIC)
	{
		topic = find_topic(facts, name);
		if (topic == NULL)
			return;
	}
	for (size_t i = 0; i < count; i++)
	{
		const char *setting = rd_kafka_ConfigEntry_name(entries[i]);
		int64_t value = number_of(rd_kafka_ConfigEntry_value(entries[i]));

		if (topic != NULL)
			take_topic_setting(topic, setting, value);
		else
			take_broker_setting(facts, setting, value);
	}
}

/* A question must go to the broker that it is about, so each has its own. */
static void
describe(rd_kafka_t *handle, BrokerFacts *facts, rd_kafka_ConfigResource_t **resources,
		 size_t count)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	const rd_kafka_DescribeConfigs_result_t *result;
	const rd_kafka_ConfigResource_t **answers = NULL;
	rd_kafka_event_t *event;
	char reason[ERROR_TEXT_SIZE];
	size_t answered = 0;

	(void) rd_kafka_AdminOptions_set_request_timeout(options, SETTINGS_TIMEOUT_MS, reason,
													 sizeof(reason));
	rd_kafka_DescribeConfigs(handle, resources, count, options, queue);
	event = rd_kafka_queue_poll(queue, SETTINGS_TIMEOUT_MS + 1000);
	result = event != NULL ? rd_kafka_event_DescribeConfigs_result(event) : NULL;
	if (result != NULL && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
		answers = rd_kafka_DescribeConfigs_result_resources(result, &answered);
	else
		error_transient(&facts->settings, "could not read settings of Kafka: %s",
						event != NULL ? rd_kafka_event_error_string(event) : "no answer");
	for (size_t i = 0; i < answered; i++)
		take_resource(facts, answers[i]);
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_queue_destroy(queue);
}

static void
read_settings(rd_kafka_t *handle, BrokerFacts *facts, int broker)
{
	rd_kafka_ConfigResource_t **resources =
		calloc((size_t) facts->topic_count + 2, sizeof(rd_kafka_ConfigResource_t *));
	char name[16];
	size_t count = 0;

	if (resources == NULL)
	{
		error_bug(&facts->settings, "out of memory");
		return;
	}
	snprintf(name, sizeof(name), "%d", broker);
	resources[count++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, name);
	describe(handle, facts, resources, count);
	rd_kafka_ConfigResource_destroy_array(resources, count);
	count = 0;
	for (int i = 0; i < facts->topic_count; i++)
	{
		if (facts->topics[i].partitions > 0)
			resources[count++] =
				rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, facts->topics[i].name);
	}
	if (facts->exactly_once && facts->position.partitions > 0)
		resources[count++] =
			rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, facts->position.name);
	if (count > 0)
		describe(handle, facts, resources, count);
	rd_kafka_ConfigResource_destroy_array(resources, count);
	free(resources);
}

static void
forget_settings(TopicFacts *topic)
{
	topic->min_insync_replicas = topic->max_message_bytes = topic->unclean_election =
		topic->compacted = BROKER_VALUE_UNKNOWN;
}

void
kafka_doctor_look(const RelayConfig *config, BrokerFacts *facts)
{
	rd_kafka_conf_t *conf = kafka_conf_create(config, KAFKA_PRODUCER, &facts->reach);
	rd_kafka_t *handle;
	int broker = -1;

	if (conf != NULL)
		kafka_conf_explain(conf);
	facts->uses_scram = conf != NULL && has_scram(conf);
	facts->library = rd_kafka_version();
	facts->library_text = rd_kafka_version_str();
	facts->default_replicas = facts->min_insync_replicas = BROKER_VALUE_UNKNOWN;
	facts->unclean_election = facts->max_message_bytes = BROKER_VALUE_UNKNOWN;
	for (int i = 0; i < facts->topic_count; i++)
		forget_settings(&facts->topics[i]);
	forget_settings(&facts->position);
	facts->producer_max_bytes = conf != NULL ? producer_limit(conf) : BROKER_VALUE_UNKNOWN;
	if (conf != NULL && !kafka_conf_check(config, &facts->reach))
	{
		rd_kafka_conf_destroy(conf);
		return;
	}
	handle = conf != NULL ? kafka_handle_create(conf, KAFKA_PRODUCER, &facts->reach) : NULL;
	if (handle == NULL)
		return;
	if (read_metadata(handle, facts, &broker))
		read_settings(handle, facts, broker);
	rd_kafka_destroy(handle);
}
