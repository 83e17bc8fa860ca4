/*
 * relay_options.h
 *	  The settings of outbox-relay: the table, and the values as numbers.
 */
#ifndef OUTBOX_RELAY_RELAY_OPTIONS_H
#define OUTBOX_RELAY_RELAY_OPTIONS_H

#include "options.h"
#include "poison.h"
#include "route_settings.h"

#include <stdint.h>

extern const OptionTable relay_option_table;

/* Texts borrow from the Options. */
typedef struct RelayConfig
{
	const Options *options; /* for kafka.* */
	const char *conninfo;
	const char *slot;
	const char *publication;
	RouteSettings route;
	bool create_topics;
	int topic_partitions;
	int topic_replication_factor; /* -1: the broker's default */
	PoisonPolicy poison_policy;
	bool exactly_once;			/* else at least once */
	const char *transaction_id; /* "": made of source id and slot */
	const char *position_topic;
	int64_t transaction_timeout_ms;
	int64_t transaction_linger_usec;
	int64_t transaction_interval_usec;
	uint64_t transaction_events;
	uint64_t transaction_bytes;
	uint64_t transaction_split_events; /* 0: never because of that */
	uint32_t window_events;
	uint32_t window_transactions;
	uint64_t window_bytes;
	int64_t mark_interval_usec;
	uint64_t mark_idle_bytes;
	int64_t heartbeat_interval_usec;
	int64_t maintain_interval_usec; /* 0: off */
	int64_t feedback_interval_usec;
	int64_t gather_interval_usec; /* 0: off */
	int64_t drain_timeout_usec;
	int64_t reconnect_min_usec;
	int64_t reconnect_max_usec;
	const char *http_listen; /* "": off */
	/*
	 * Never a setting: a connection of this process holds the registration's lock alone, so the
	 * others mustn't wait for it (outbox-relay repartition).
	 */
	bool registration_locked;
	bool repartitioning; /* this relay is that of outbox-relay repartition; no option */
} RelayConfig;

/* Checks what a single value's type and range don't show; EXIT_CONFIG. */
extern MUST_CHECK bool relay_config_fill(RelayConfig *config, const Options *options, Error *error);
/* The same for commands that never ask Kafka: kafka.bootstrap.servers may be missing. */
extern MUST_CHECK bool relay_config_fill_database(RelayConfig *config, const Options *options,
												  Error *error);

/*
 * Whether a Kafka property (without "kafka.") is the relay's own: it carries a
 * guarantee, or the way that librdkafka talks to us.
 */
extern bool relay_owns_kafka_property(const char *name);

/* 1 to 63 of [a-z0-9_], as the server wants it. */
extern bool relay_slot_name_valid(const char *name);

#endif
