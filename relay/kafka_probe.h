/*
 * kafka_probe.h
 *	  Whether any broker answers: for a command that is done once.
 */
#ifndef OUTBOX_RELAY_KAFKA_PROBE_H
#define OUTBOX_RELAY_KAFKA_PROBE_H

#include "relay_options.h"

/* Waits for at most timeout_ms; false with the Error filled (TRANSIENT, or EXIT_CONFIG). */
extern MUST_CHECK bool kafka_probe(const RelayConfig *config, int timeout_ms, Error *error);

#endif
