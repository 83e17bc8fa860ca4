/*
 * kafka_doctor.h
 *	  Looks at Kafka for doctor.  It blocks, each question for at most 10 seconds, makes
 *	  no topic and changes nothing.
 */
#ifndef OUTBOX_RELAY_KAFKA_DOCTOR_H
#define OUTBOX_RELAY_KAFKA_DOCTOR_H

#include "doctor_broker.h"

/*
 * Fills what Kafka and the library know; facts->topics have their names and recorded
 * counts.  Whatever can't be had is in the errors of facts.
 */
extern void kafka_doctor_look(const RelayConfig *config, BrokerFacts *facts);

#endif
