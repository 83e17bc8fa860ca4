/*
 * kafka_topics.c
 *	  One question to the cluster, by a client that joins no group.
 *
 * Refuses to wait: who asks is at a terminal.
 */
#include "kafka_topics.h"

#include <librdkafka/rdkafka.h>

#include "exit_codes.h"
#include "kafka_conf.h"
#include "kafka_setup.h"
#include "kafka_trust.h"

bool
kafka_topics_visit(const Options *options, const char *group, int timeout_ms,
				   KafkaTopicVisitor visitor, void *arg, Error *error)
{
	rd_kafka_conf_t *conf = kafka_conf_create(options, group, error);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code;
	rd_kafka_t *rk;

	if (conf == NULL)
		return false;
	kafka_conf_explain(conf);
	/* Of the two kinds of client this one can be ended in every version (kafka_can_destroy()). */
	rk = kafka_setup_client(conf, false, error);
	if (rk == NULL)
		return false;
	code = rd_kafka_metadata(rk, 1, NULL, &metadata, timeout_ms);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		for (int i = 0; i < metadata->topic_cnt; i++)
		{
			if (metadata->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
				visitor(metadata->topics[i].topic, metadata->topics[i].partition_cnt, arg);
		}
		rd_kafka_metadata_destroy(metadata);
	}
	else
	{
		error_transient(error, "could not ask Kafka for its topics: %s", rd_kafka_err2str(code));
		error_hint(error, "Does a broker answer at \"kafka.bootstrap.servers\" (%s)?",
				   options_text(options, "kafka.bootstrap.servers"));
		(void) kafka_explain(rk, error);
	}
	rd_kafka_destroy(rk);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}
