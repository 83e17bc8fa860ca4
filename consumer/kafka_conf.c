/*
 * kafka_conf.c
 *	  Properties of librdkafka: ours, our defaults, and the user's.
 *
 * Refuses properties that carry a guarantee, wherever they were set.
 */
#include "kafka_conf.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "exit_codes.h"
#include "kafka_setup.h"
#include "kafka_trust.h"

#define USER_LIST_MAX 16384 /* bytes of a list that the user has and we add to */

/* The guarantees rest on these. */
static const KafkaProperty owned[] = {
	{"enable.auto.offset.store", "false"}, /* only after the target's COMMIT */
	{"enable.auto.commit", "true"},		   /* what was stored, for tools */
	{"auto.offset.reset", "error"},		   /* never skip */
	{"isolation.level", "read_committed"},
	{"partition.assignment.strategy", "cooperative-sticky"},
	{"enable.partition.eof", "true"}, /* the lag's end */
	{"log.queue", "true"},			  /* no callback in a foreign thread */
	{"group.id", NULL},
	{"group.instance.id", NULL},
	{"enabled_events", NULL},
	{NULL, NULL}};

/* The user may set these. */
static const KafkaProperty defaults[] = {
	{"client.id", "outbox-consumer"},
	{"allow.auto.create.topics", "false"},
	/* What waits in the library's queue and in one fetch. */
	{"queued.max.messages.kbytes", "16384"},
	{"fetch.max.bytes", "8388608"},
	{"max.partition.fetch.bytes", "1048576"},
	{"topic.metadata.refresh.interval.ms", "5000"}, /* a topic that isn't there yet */
	{"reconnect.backoff.max.ms", "2000"},
	{"session.timeout.ms", "10000"},
	{"heartbeat.interval.ms", "2000"},
	{NULL, NULL}};

bool
kafka_owns_property(const char *name)
{
	/* The synonym. */
	if (strcmp(name, "auto.commit.enable") == 0)
		return true;
	for (int i = 0; owned[i].name != NULL; i++)
	{
		if (strcmp(name, owned[i].name) == 0)
			return true;
	}
	return false;
}

bool
kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, const char *origin,
			   Error *error)
{
	char reason[256];

	if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK)
		return true;
	return error_permanent(error, EXIT_CONFIG, "%s: \"kafka.%s\": %s", origin, name, reason);
}

bool
kafka_conf_set_all(rd_kafka_conf_t *conf, const KafkaProperty *properties, Error *error)
{
	for (int i = 0; properties[i].name != NULL; i++)
	{
		if (properties[i].value != NULL &&
			!kafka_conf_set(conf, properties[i].name, properties[i].value, "built-in", error))
			return false;
	}
	return true;
}

static bool
set_passthrough(const char *name, const char *value, const char *origin, void *arg, Error *error)
{
	if (kafka_owns_property(name))
	{
		error_permanent(error, EXIT_CONFIG, "%s: \"kafka.%s\" can't be set", origin, name);
		return error_hint(error, "%s",
						  strcmp(name, "group.id") == 0 ? "Set \"consumer.group\"."
						  : strcmp(name, "group.instance.id") == 0
							  ? "Set \"consumer.instance_id\"."
							  : "The consumer sets it itself, because its guarantees rest on it.");
	}
	return kafka_conf_set(arg, name, value, origin, error);
}

static bool
fill(rd_kafka_conf_t *conf, const Options *options, const char *group, Error *error)
{
	const char *servers = options_text(options, "kafka.bootstrap.servers");
	const char *instance_id = options_text(options, "consumer.instance_id");

	/* Before, see kafka_hurry.h. */
	if (rd_kafka_version() >= 0x02020000 &&
		!kafka_conf_set(conf, "fetch.queue.backoff.ms", "10", "built-in", error))
		return false;
	if (!kafka_conf_set_all(conf, defaults, error) ||
		!options_each_passthrough(options, set_passthrough, conf, error) ||
		!kafka_conf_set(conf, "bootstrap.servers", servers,
						options_origin(options, "kafka.bootstrap.servers"), error) ||
		!kafka_conf_set(conf, "group.id", group, options_origin(options, "consumer.group"),
						error) ||
		(*instance_id != '\0' &&
		 !kafka_conf_set(conf, "group.instance.id", instance_id,
						 options_origin(options, "consumer.instance_id"), error)) ||
		!kafka_conf_set_all(conf, owned, error))
		return false;
	kafka_trust_explain(conf);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_REBALANCE |
									   RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG |
									   RD_KAFKA_EVENT_OFFSET_COMMIT);
	return true;
}

struct rd_kafka_conf_s *
kafka_conf_create(const Options *options, const char *group, Error *error)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (fill(conf, options, group, error))
		return conf;
	rd_kafka_conf_destroy(conf);
	return NULL;
}

/* The user's words go behind ours. */
static bool
put_before(rd_kafka_conf_t *conf, const char *name, const char *list, Error *error)
{
	char user[USER_LIST_MAX] = "";
	size_t size = sizeof(user);
	Buffer both;
	bool ok;

	buffer_init(&both, 2 * USER_LIST_MAX);
	buffer_append_str(&both, list);
	if (rd_kafka_conf_get(conf, name, user, &size) != RD_KAFKA_CONF_OK)
		user[0] = '\0';
	ok = size <= sizeof(user);
	if (ok && user[0] != '\0')
	{
		buffer_append_u8(&both, ',');
		buffer_append_str(&both, user);
	}
	buffer_append_u8(&both, '\0');
	ok = ok && !both.failed &&
		 kafka_conf_set(conf, name, (const char *) both.data, "built-in", error);
	if (!ok && error->error_class == ERROR_CLASS_NONE)
		error_permanent(error, EXIT_CONFIG, "\"kafka.%s\" has more than %d bytes", name,
						USER_LIST_MAX - 1);
	buffer_free(&both);
	return ok;
}

bool
kafka_conf_hide(struct rd_kafka_conf_s *conf, const char *list, Error *error)
{
	return put_before(conf, "topic.blacklist", list, error);
}

bool
kafka_conf_tell_metadata(struct rd_kafka_conf_s *conf, bool *debugs, Error *error)
{
	char user[4096] = "";
	size_t size = sizeof(user);

	*debugs = rd_kafka_conf_get(conf, "debug", user, &size) == RD_KAFKA_CONF_OK && user[0] != '\0';
	return put_before(conf, "debug", "metadata", error);
}

bool
kafka_conf_check(const Options *options, const char *group, Error *error)
{
	rd_kafka_conf_t *conf = kafka_conf_create(options, group, error);
	bool ok;

	if (conf == NULL)
		return false;
	ok = kafka_setup_check_servers(conf, options, error);
	rd_kafka_conf_destroy(conf);
	return ok;
}

const char *
kafka_library_version(void)
{
	return rd_kafka_version_str();
}
