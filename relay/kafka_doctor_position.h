/*
 * kafka_doctor_position.h
 *	  Looks at the position topic for doctor.  It blocks, for a minute at most; makes no topic,
 *	  fences nobody off and changes nothing.
 */
#ifndef OUTBOX_RELAY_KAFKA_DOCTOR_POSITION_H
#define OUTBOX_RELAY_KAFKA_DOCTOR_POSITION_H

#include "doctor_delivery.h"
#include "relay_options.h"

/*
 * Fills what the topic says of this source and slot; look has the rest.  It is asked for by its
 * name: only one that a list of all topics had, or some broker makes it.
 */
extern void kafka_doctor_position(const RelayConfig *config, const char *source_id,
								  DeliveryLook *look);

#endif
