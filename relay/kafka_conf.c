/*
 * kafka_conf.c
 *	  librdkafka's configuration, and its errors as Error values.
 *
 * Refuses properties that the relay sets itself, and what librdkafka refuses.
 *
 * Invariants: the properties that carry the guarantees are set last; librdkafka
 * only ever reports through a queue that we poll, so none of its threads runs
 * our code, but for a function without state in kafka_trust.c.
 */
#include "kafka_conf.h"

#include "exit_codes.h"
#include "kafka_setup.h"
#include "kafka_trust.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_TEXT_SIZE 256
#define PROPERTY_NAME_SIZE 64

typedef struct Property
{
	const char *name;
	const char *value;
} Property;

/* May be changed by kafka.*: latency first, and a quick return after an outage. */
static const Property defaults[] = {
	{"client.id", "outbox-relay"},
	{"linger.ms", "1"},
	{"socket.keepalive.enable", "true"},
	{"reconnect.backoff.ms", "100"},
	{"reconnect.backoff.max.ms", "2000"},
	{"log.connection.close", "false"},
	/* A broker would make a topic with its own settings, and one that is gone without a word. */
	{"allow.auto.create.topics", "false"},
	{NULL, NULL},
};

/*
 * Order, and no message that is given up: a message waits for as long as the brokers are away
 * (in a transaction, until the coordinator gives that up).
 */
static const Property producer_properties[] = {
	{"enable.idempotence", "true"},
	{"acks", "all"},
	{"message.timeout.ms", "0"},
	{"max.in.flight.requests.per.connection", "5"},
	{"delivery.report.only.error", "false"},
	{"log.queue", "true"},
	{NULL, NULL},
};

static const Property reader_properties[] = {
	{"group.id", "outbox-relay-tail"}, /* needed by the interface, never joined */
	{"enable.auto.commit", "false"},
	{"enable.auto.offset.store", "false"},
	{"enable.partition.eof", "true"},
	{"auto.offset.reset", "error"},
	{"isolation.level", "read_committed"},
	{"queued.max.messages.kbytes", "8192"},
	{"allow.auto.create.topics", "false"},
	{"log.queue", "true"},
	{NULL, NULL},
};

typedef struct Setting
{
	rd_kafka_conf_t *conf;
	KafkaRole role;
} Setting;

/* The name that is meant, from the library's own table of its properties. */
static bool
find_near_property(const char *name, char near[PROPERTY_NAME_SIZE])
{
	char *table = NULL;
	size_t size = 0;
	size_t best = SIZE_MAX;
	FILE *out = open_memstream(&table, &size);

	if (out == NULL)
		return false;
	rd_kafka_conf_properties_show(out);
	if (fclose(out) != 0)
		return false;
	for (const char *line = table; *line != '\0'; line += strcspn(line, "\n"))
	{
		char property[PROPERTY_NAME_SIZE];
		size_t len;
		size_t apart;

		line += strspn(line, "\n");
		len = strcspn(line, " |\n");
		if (len == 0 || len >= sizeof(property))
			continue;
		memcpy(property, line, len);
		property[len] = '\0';
		apart = options_misspelling(name, property);
		if (apart < best)
		{
			best = apart;
			memcpy(near, property, len + 1);
		}
	}
	free(table);
	return best < SIZE_MAX;
}

static bool
set_property(rd_kafka_conf_t *conf, const char *name, const char *value, const char *origin,
			 Error *error)
{
	char reason[ERROR_TEXT_SIZE];
	char near[PROPERTY_NAME_SIZE];
	rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, reason, sizeof(reason));

	if (result == RD_KAFKA_CONF_OK)
		return true;
	error_permanent(error, EXIT_CONFIG, "%s: \"kafka.%s\" can't be set: %s", origin, name, reason);
	if (result == RD_KAFKA_CONF_UNKNOWN && find_near_property(name, near))
		error_hint(error, "Did you mean \"kafka.%s\"?", near);
	return false;
}

static bool
set_all(rd_kafka_conf_t *conf, const Property *properties, Error *error)
{
	for (; properties->name != NULL; properties++)
	{
		if (!set_property(conf, properties->name, properties->value, "built-in", error))
			return false;
	}
	return true;
}

/* What is only for a producer would make the reader complain in the log. */
static bool
is_for_producer(const char *name)
{
	static const char *const prefixes[] = {
		"linger.", "batch.", "compression.", "queue.buffering.", "sticky.", "dr_", NULL};

	for (int i = 0; prefixes[i] != NULL; i++)
	{
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

static bool
take_setting(const char *name, const char *value, const char *origin, void *arg, Error *error)
{
	Setting *setting = arg;

	if (setting->role == KAFKA_READER && is_for_producer(name))
		return true;
	return set_property(setting->conf, name, value, origin, error);
}

/* The window is the limit; librdkafka's queue is above it, so that it never is full first. */
static bool
set_queue_limits(rd_kafka_conf_t *conf, const RelayConfig *config, Error *error)
{
	char messages[24];
	char kbytes[24];
	uint64_t limit_kb = config->window_bytes / 1024 * 2 + 65536;

	snprintf(messages, sizeof(messages), "%u", config->window_events + 1000);
	snprintf(kbytes, sizeof(kbytes), "%llu",
			 (unsigned long long) (limit_kb > 2097151 ? 2097151 : limit_kb));
	return set_property(conf, "queue.buffering.max.messages", messages, "built-in", error) &&
		   set_property(conf, "queue.buffering.max.kbytes", kbytes, "built-in", error);
}

static unsigned long
number_of(rd_kafka_conf_t *conf, const char *name)
{
	char value[24];
	size_t size = sizeof(value);

	return rd_kafka_conf_get(conf, name, value, &size) == RD_KAFKA_CONF_OK
			   ? strtoul(value, NULL, 10)
			   : 0;
}

/* For a message that is larger than the queue there is never room: it would be held for ever. */
static bool
make_room_for_one(rd_kafka_conf_t *conf, Error *error)
{
	unsigned long least = number_of(conf, "message.max.bytes") / 1024 + 1;
	char kbytes[24];

	if (number_of(conf, "queue.buffering.max.kbytes") >= least)
		return true;
	snprintf(kbytes, sizeof(kbytes), "%lu", least);
	return set_property(conf, "queue.buffering.max.kbytes", kbytes, "built-in", error);
}

/* Not with transactions: a message that fails takes its own with it, and no hole is ever seen. */
static bool
leave_no_holes(rd_kafka_conf_t *conf, Error *error)
{
	return set_property(conf, "enable.gapless.guarantee", "true", "built-in", error);
}

static bool
fill_conf(rd_kafka_conf_t *conf, const RelayConfig *config, KafkaRole role, Error *error)
{
	const Options *options = config->options;
	Setting setting = {conf, role};

	for (const Property *property = defaults; property->name != NULL; property++)
	{
		if (role == KAFKA_READER && is_for_producer(property->name))
			continue;
		if (!set_property(conf, property->name, property->value, "built-in", error))
			return false;
	}
	if (role != KAFKA_READER && !set_queue_limits(conf, config, error))
		return false;
	return set_property(conf, "bootstrap.servers", options_text(options, "kafka.bootstrap.servers"),
						options_origin(options, "kafka.bootstrap.servers"), error) &&
		   options_each_passthrough(options, take_setting, &setting, error) &&
		   (role == KAFKA_READER || make_room_for_one(conf, error)) &&
		   set_all(conf, role == KAFKA_READER ? reader_properties : producer_properties, error) &&
		   (role != KAFKA_PRODUCER || leave_no_holes(conf, error));
}

rd_kafka_conf_t *
kafka_conf_create(const RelayConfig *config, KafkaRole role, Error *error)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (conf != NULL && fill_conf(conf, config, role, error))
	{
		kafka_trust_explain(conf);
		return conf;
	}
	if (conf == NULL)
		error_bug(error, "out of memory");
	else
		rd_kafka_conf_destroy(conf);
	return NULL;
}

bool
kafka_conf_limit_batch(rd_kafka_conf_t *conf, uint32_t bytes, Error *error)
{
	char value[24];
	size_t size = sizeof(value);

	if (rd_kafka_conf_get(conf, "batch.size", value, &size) == RD_KAFKA_CONF_OK &&
		strtoul(value, NULL, 10) <= bytes)
		return true;
	snprintf(value, sizeof(value), "%u", bytes);
	return set_property(conf, "batch.size", value, "built-in", error);
}

bool
kafka_conf_set_transactions(rd_kafka_conf_t *conf, const char *id, int64_t timeout_ms, Error *error)
{
	char timeout[24];

	snprintf(timeout, sizeof(timeout), "%lld", (long long) timeout_ms);
	return set_property(conf, "transactional.id", id, "built-in", error) &&
		   set_property(conf, "transaction.timeout.ms", timeout, "built-in", error);
}

bool
kafka_conf_read_uncommitted(rd_kafka_conf_t *conf, Error *error)
{
	return set_property(conf, "isolation.level", "read_uncommitted", "built-in", error);
}

rd_kafka_t *
kafka_handle_create(rd_kafka_conf_t *conf, KafkaRole role, Error *error)
{
	return kafka_setup_client(conf, role == KAFKA_READER, error);
}

bool
kafka_conf_check(const RelayConfig *config, Error *error)
{
	KafkaRole role = config->exactly_once ? KAFKA_TRANSACTIONS : KAFKA_PRODUCER;
	rd_kafka_conf_t *conf = kafka_conf_create(config, role, error);
	rd_kafka_t *handle;

	if (conf == NULL)
		return false;
	/* Some contradictions only show when a client is made; it connects to nobody yet. */
	if (!kafka_setup_check_servers(conf, config->options, error) ||
		(config->exactly_once &&
		 !kafka_conf_set_transactions(conf, "check", config->transaction_timeout_ms, error)))
	{
		rd_kafka_conf_destroy(conf);
		return false;
	}
	handle = kafka_handle_create(conf, role, error);
	if (handle == NULL)
		return false;
	rd_kafka_destroy(handle);
	return true;
}

const char *
kafka_library_version(void)
{
	return rd_kafka_version_str();
}

/* What lets such an event through, if anything does. */
static const char *
hint_for(rd_kafka_resp_err_t code)
{
	switch (code)
	{
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
			return "Raise the topic's max.message.bytes and the relay's kafka.message.max.bytes "
				   "(1000000 unless set); pg_outbox.max_event_bytes keeps such events from being "
				   "written.";
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
			return "Add the ACL Write on the topic, or on its prefix, for the relay's principal; "
				   "it "
				   "includes Describe.";
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
			return "An idempotent producer needs the ACL Write on a topic, or IdempotentWrite on "
				   "the "
				   "cluster before Kafka 2.8.";
		case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
			return "Add the ACLs Write and Describe on the TransactionalId (transaction.id), for "
				   "the "
				   "relay's principal.";
		case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
			return "transaction.timeout is above the broker's transaction.max.timeout.ms.";
		case RD_KAFKA_RESP_ERR_INVALID_RECORD:
			return "A compacted topic takes no event without an aggregateid.";
		case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
			return "Its time is too far from the brokers' clock (message.timestamp.after.max.ms, "
				   "message.timestamp.before.max.ms): set the clocks, or let the topic have "
				   "message.timestamp.type=LogAppendTime.";
		default:
			return NULL;
	}
}

bool
kafka_error_fill(Error *error, int code, const char *doing)
{
	rd_kafka_resp_err_t known = (rd_kafka_resp_err_t) code;
	const char *reason = rd_kafka_err2str(known);
	const char *hint = hint_for(known);

	switch (known)
	{
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		case RD_KAFKA_RESP_ERR_INVALID_MSG:
		case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
		case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
			error_permanent(error, EXIT_POISON, "could not %s: %s", doing, reason);
			break;
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
			error_permanent(error, EXIT_PERMISSION, "could not %s: %s", doing, reason);
			break;
		case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
			error_permanent(error, EXIT_CONFIG, "could not %s: %s", doing, reason);
			break;
		default:
			error_transient(error, "could not %s: %s", doing, reason);
			break;
	}
	kafka_error_name(error, code);
	if (hint != NULL)
		error_hint(error, "%s", hint);
	return false;
}

void
kafka_error_name(Error *error, int code)
{
	snprintf(error->code, sizeof(error->code), "%s", rd_kafka_err2name((rd_kafka_resp_err_t) code));
}
