/*
 * kafka_conf.h
 *	  The properties that the consumer needs, and which of them are its own.
 */
#ifndef OUTBOX_CONSUMER_KAFKA_CONF_H
#define OUTBOX_CONSUMER_KAFKA_CONF_H

#include "options.h"

struct rd_kafka_conf_s;

/* Whether a property (without "kafka.") carries a guarantee, or is how librdkafka talks to us. */
extern bool kafka_owns_property(const char *name);

/* NULL with the Error filled (EXIT_CONFIG). */
extern MUST_CHECK struct rd_kafka_conf_s *kafka_conf_create(const Options *options,
															const char *group, Error *error);

/* Only checks. */
extern MUST_CHECK bool kafka_conf_check(const Options *options, const char *group, Error *error);

/* For a consumer that can't be made of it, with the library's reason: see kafka_setup_refusal(). */
extern void kafka_conf_refuse(Error *error, const char *reason, struct rd_kafka_conf_s *conf);

extern const char *kafka_library_version(void);

#endif
