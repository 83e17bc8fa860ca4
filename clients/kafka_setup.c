/*
 * kafka_setup.c
 *	  librdkafka's configuration, before a client is made of it.
 *
 * Refuses a list of brokers as kafka_servers.h says.
 */
#include "kafka_setup.h"

#include "kafka_refusal.h"
#include "kafka_servers.h"

#include <librdkafka/rdkafka.h>

static bool
get(void *conf, const char *name, char *value, size_t size)
{
	return rd_kafka_conf_get(conf, name, value, &size) == RD_KAFKA_CONF_OK;
}

bool
kafka_setup_check_servers(rd_kafka_conf_t *conf, const Options *options, Error *error)
{
	static const char servers[] = "kafka.bootstrap.servers";
	char protocol[32];

	return !get(conf, "security.protocol", protocol, sizeof(protocol)) ||
		   kafka_servers_check(options_text(options, servers), options_origin(options, servers),
							   protocol, error);
}

rd_kafka_t *
kafka_setup_client(rd_kafka_conf_t *conf, bool reads, Error *error)
{
	char reason[256];
	rd_kafka_t *client =
		rd_kafka_new(reads ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));

	if (client != NULL)
		return client;
	(void) kafka_setup_refusal(error, reason, get, conf);
	rd_kafka_conf_destroy(conf);
	return NULL;
}
