/*
 * pg_doctor.h
 *	  Looks at PostgreSQL for doctor.  It blocks, reads catalogs and the tables of the
 *	  extension, and changes nothing; a running relay isn't disturbed.
 */
#ifndef OUTBOX_RELAY_PG_DOCTOR_H
#define OUTBOX_RELAY_PG_DOCTOR_H

#include "doctor_broker.h"
#include "doctor_server.h"

/*
 * Fills the facts; what can't be had is in their errors.  The routing map goes to
 * broker->topics, which the caller frees.
 */
extern void pg_doctor_look(const RelayConfig *config, ServerFacts *facts, BrokerFacts *broker);

#endif
