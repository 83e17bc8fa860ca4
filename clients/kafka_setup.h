/*
 * kafka_setup.h
 *	  What relay and consumer ask of librdkafka's configuration before a client is made of it,
 *	  the client, and what they say when none can be: the way to kafka_servers.h and
 *	  kafka_setup_refusal().
 */
#ifndef OUTBOX_CLIENTS_KAFKA_SETUP_H
#define OUTBOX_CLIENTS_KAFKA_SETUP_H

#include "options.h"

struct rd_kafka_conf_s;
struct rd_kafka_s;

/* The list of brokers, which librdkafka would only complain of in its log, and try for ever. */
extern MUST_CHECK bool kafka_setup_check_servers(struct rd_kafka_conf_s *conf,
												 const Options *options, Error *error);

/* A consumer or a producer, which takes the configuration over; NULL with the Error filled does too. */
extern MUST_CHECK struct rd_kafka_s *kafka_setup_client(struct rd_kafka_conf_s *conf, bool reads,
														Error *error);

#endif
