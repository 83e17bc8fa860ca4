/*
 * kafka_conf.h
 *	  librdkafka's configuration from kafka.* and from what the relay needs, and
 *	  its errors as Error values.  For kafka_*.c.
 */
#ifndef OUTBOX_RELAY_KAFKA_CONF_H
#define OUTBOX_RELAY_KAFKA_CONF_H

#include "kafka_refusal.h"
#include "relay_options.h"

struct rd_kafka_conf_s;
struct rd_kafka_op_s;
struct rd_kafka_s;

typedef enum KafkaRole
{
	KAFKA_PRODUCER,
	KAFKA_TRANSACTIONS, /* a producer of transactions; the owner sets its id */
	KAFKA_READER		/* reads the tail at start, and what others committed */
} KafkaRole;

/* What librdkafka says; level as in syslog(3).  Called from the thread that drains. */
typedef void (*KafkaLogFn)(int level, const char *text, void *arg);

/* NULL with the Error filled (EXIT_CONFIG). */
extern MUST_CHECK struct rd_kafka_conf_s *kafka_conf_create(const RelayConfig *config,
															KafkaRole role, Error *error);
/* Batches of at most that many bytes, if they aren't smaller already. */
extern MUST_CHECK bool kafka_conf_limit_batch(struct rd_kafka_conf_s *conf, uint32_t bytes,
											  Error *error);
/* Who writes the transactions; a later producer with the same id fences off this one. */
extern MUST_CHECK bool kafka_conf_set_transactions(struct rd_kafka_conf_s *conf, const char *id,
												   int64_t timeout_ms, Error *error);
/* Of a reader: records of transactions that are open or were aborted, too. */
extern MUST_CHECK bool kafka_conf_read_uncommitted(struct rd_kafka_conf_s *conf, Error *error);
/* NULL with the Error filled; conf is consumed. */
extern MUST_CHECK struct rd_kafka_s *kafka_handle_create(struct rd_kafka_conf_s *conf,
														 KafkaRole role, Error *error);

/* For --check-config. */
extern MUST_CHECK bool kafka_conf_check(const RelayConfig *config, Error *error);

extern const char *kafka_library_version(void);

/*
 * Fills the error for a code of librdkafka: PERMANENT (EXIT_POISON) when the
 * event itself can never be accepted, else TRANSIENT; its name, and a hint where
 * something mends it.  Returns false.
 */
extern bool kafka_error_fill(Error *error, int code, const char *doing);
/* Only the name of the code, in an error that is filled. */
extern void kafka_error_name(Error *error, int code);

#endif
