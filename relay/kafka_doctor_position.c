/*
 * kafka_doctor_position.c
 *	  Looks at the position topic for doctor.
 *
 * Refuses nothing: what can't be had is in the look's error.
 */
#include "kafka_doctor_position.h"

#include "kafka_position.h"

#include <stdio.h>

#define PATIENCE_USEC (60 * USEC_PER_SEC)

void
kafka_doctor_position(const RelayConfig *config, const char *source_id, DeliveryLook *look)
{
	MonoUsec give_up_at = clock_mono() + PATIENCE_USEC;
	PositionWriter writer = {0};
	KafkaPosition *position = kafka_position_open(config, source_id, &look->error);
	IoResult io = IO_AGAIN;

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
