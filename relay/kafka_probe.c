/*
 * kafka_probe.c
 *	  Whether any broker answers.
 *
 * Refuses nothing: it says what it saw.  Asks for the list of brokers, which needs no
 * privilege on any topic and makes none.
 */
#include "kafka_probe.h"

#include "kafka_conf.h"
#include "kafka_trust.h"

#include <librdkafka/rdkafka.h>

bool
kafka_probe(const RelayConfig *config, int timeout_ms, Error *error)
{
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_conf_t *conf = kafka_conf_create(config, KAFKA_PRODUCER, error);
	rd_kafka_t *handle;
	rd_kafka_resp_err_t code;

	if (conf == NULL)
		return false;
	kafka_conf_explain(conf);
	handle = kafka_handle_create(conf, KAFKA_PRODUCER, error);
	if (handle == NULL)
		return false;
	code = rd_kafka_metadata(handle, 0, NULL, &metadata, timeout_ms);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_metadata_destroy(metadata);
	else
	{
		error_transient(error, "Kafka doesn't answer: %s", rd_kafka_err2str(code));
		(void) kafka_explain(handle, error);
	}
	rd_kafka_destroy(handle);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}
