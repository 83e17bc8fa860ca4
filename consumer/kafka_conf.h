/*
 * kafka_conf.h
 *	  The properties that the consumer needs, and which of them are its own.
 */
#ifndef OUTBOX_CONSUMER_KAFKA_CONF_H
#define OUTBOX_CONSUMER_KAFKA_CONF_H

#include "options.h"

struct rd_kafka_conf_s;

/* A table of them ends with a NULL name; what has a NULL value is known, and not set by the table. */
typedef struct KafkaProperty
{
	const char *name;
	const char *value;
} KafkaProperty;

/* false: EXIT_CONFIG; origin, for the message, is where the value comes from. */
extern MUST_CHECK bool kafka_conf_set(struct rd_kafka_conf_s *conf, const char *name,
									  const char *value, const char *origin, Error *error);
extern MUST_CHECK bool kafka_conf_set_all(struct rd_kafka_conf_s *conf,
										  const KafkaProperty *properties, Error *error);

/* Whether a property (without "kafka.") carries a guarantee, or is how librdkafka talks to us. */
extern bool kafka_owns_property(const char *name);

/* NULL with the Error filled (EXIT_CONFIG). */
extern MUST_CHECK struct rd_kafka_conf_s *kafka_conf_create(const Options *options,
															const char *group, Error *error);

/* Topics to be hidden from regular expressions, beside those that the user hides. */
extern MUST_CHECK bool kafka_conf_hide(struct rd_kafka_conf_s *conf, const char *list,
									   Error *error);

/*
 * Lets the library tell of the metadata that it gets, beside what the user debugs: *debugs
 * says whether that is anything.
 */
extern MUST_CHECK bool kafka_conf_tell_metadata(struct rd_kafka_conf_s *conf, bool *debugs,
												Error *error);

/* Only checks. */
extern MUST_CHECK bool kafka_conf_check(const Options *options, const char *group, Error *error);

extern const char *kafka_library_version(void);

#endif
