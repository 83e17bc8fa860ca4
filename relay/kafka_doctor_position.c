/*
 * kafka_doctor_position.c
 *	  Looks at the position topic for doctor.
 *
 * Refuses nothing: what can't be had is in the look's error.  Invariants: the topic is only asked
 * for by its name when a list of all topics has it, so that no broker makes it.
 */
#include "kafka_doctor_position.h"

#include "kafka_conf.h"
#include "kafka_position.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#define METADATA_TIMEOUT_MS 5000
#define PATIENCE_USEC (60 * USEC_PER_SEC)

static bool
is_there(const RelayConfig *config, bool *there, Error *error)
{
	rd_kafka_conf_t *conf = kafka_conf_create(config, KAFKA_READER, error);
	rd_kafka_t *handle = conf != NULL ? kafka_handle_create(conf, KAFKA_READER, error) : NULL;
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code;

	*there = false;
	if (handle == NULL)
		return false;
	code = rd_kafka_metadata(handle, 1, NULL, &metadata, METADATA_TIMEOUT_MS);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		for (int i = 0; i < metadata->topic_cnt; i++)
			*there |= strcmp(metadata->topics[i].topic, config->position_topic) == 0;
		rd_kafka_metadata_destroy(metadata);
	}
	else
		(void) kafka_error_fill(error, code, "look for the position topic");
	rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void
kafka_doctor_position(const RelayConfig *config, const char *source_id, DeliveryLook *look)
{
	MonoUsec give_up_at = clock_mono() + PATIENCE_USEC;
	PositionWriter writer = {0};
	KafkaPosition *position;
	IoResult io = IO_AGAIN;
	bool there;

	if (!is_there(config, &there, &look->error) || !there)
		return;
	position = kafka_position_open(config, source_id, &look->error);
	if (position == NULL)
		return;
	while (io == IO_AGAIN && clock_mono() < give_up_at)
	{
		io = kafka_position_step(position, clock_mono(), &look->error);
		if (io == IO_AGAIN)
			clock_sleep_until(kafka_position_wake_at(position));
	}
	if (io == IO_OK)
	{
		look->found = kafka_position_found(position, &look->before, &writer);
		snprintf(look->written_on, sizeof(look->written_on), "%s", writer.system_identifier);
	}
	else if (look->error.error_class == ERROR_CLASS_NONE)
		error_transient(&look->error, "could not read the position topic \"%s\" to its end",
						config->position_topic);
	kafka_position_free(position);
}
