/*
 * kafka_setup.h
 *	  What relay and consumer ask of librdkafka's configuration before a client is made of it,
 *	  and say when none can be: the way to kafka_servers.h and kafka_setup_refusal().
 */
#ifndef OUTBOX_CLIENTS_KAFKA_SETUP_H
#define OUTBOX_CLIENTS_KAFKA_SETUP_H

#include "options.h"

struct rd_kafka_conf_s;

/* The list of brokers, which librdkafka would only complain of in its log, and try for ever. */
extern MUST_CHECK bool kafka_setup_check_servers(struct rd_kafka_conf_s *conf,
												 const Options *options, Error *error);

/* No client can be made of it, for that reason of librdkafka's. */
extern void kafka_setup_refuse(struct rd_kafka_conf_s *conf, const char *reason, Error *error);

#endif
