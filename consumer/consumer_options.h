/*
 * consumer_options.h
 *	  The settings of outbox-consumer: the table, and the values as numbers.
 */
#ifndef OUTBOX_CONSUMER_CONSUMER_OPTIONS_H
#define OUTBOX_CONSUMER_CONSUMER_OPTIONS_H

#include <stdint.h>

#include "breaker.h"
#include "pg_target.h"
#include "dead_letter.h"
#include "options.h"

#define CONSUMER_CONNECTIONS_MAX 16

extern const OptionTable consumer_option_table;

/* Texts borrow from the Options. */
typedef struct ConsumerConfig
{
	const Options *options; /* for kafka.* */
	const char *conninfo;
	const char *group;
	int connections;
	int64_t connect_timeout_usec;
	int64_t probe_interval_usec; /* 0: never */
	BreakerConfig breaker;
	BreakerMode breaker_mode;
	uint32_t probe_records;
	uint32_t batch_records;
	uint64_t batch_bytes;
	int64_t batch_target_usec;
	int64_t statement_timeout_usec;
	int64_t batch_timeout_usec;
	const char *dead_letter_pattern;
	char dead_letter_topic[DEAD_LETTER_TOPIC_MAX + 1]; /* "": none; of consumer_config_fill() */
	bool dead_letter_create;
	int dead_letter_partitions;
	int dead_letter_replication_factor;
	int64_t retry_min_usec;
	int64_t retry_max_usec;
	unsigned retry_attempts;
	int64_t reconnect_min_usec;
	int64_t reconnect_max_usec;
	int64_t inbox_retention_usec;
	int64_t lag_interval_usec;
	int64_t drain_timeout_usec;
	PgTrace trace;
	const char *http_listen; /* "": off */
} ConsumerConfig;

/* Checks what a single value's type and range don't show; EXIT_CONFIG. */
extern MUST_CHECK bool consumer_config_fill(ConsumerConfig *config, const Options *options,
											Error *error);

/* Of these, what init and check need: they talk to the target alone. */
extern void consumer_config_target(ConsumerConfig *config, const Options *options);

#endif
