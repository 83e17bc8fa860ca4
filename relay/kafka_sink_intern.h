/*
 * kafka_sink_intern.h
 *	  What the files of the sink share.  For kafka_sink*.c alone.
 */
#ifndef OUTBOX_RELAY_KAFKA_SINK_INTERN_H
#define OUTBOX_RELAY_KAFKA_SINK_INTERN_H

#include "clock_watch.h"
#include "kafka_sink.h"
#include "kafka_transactions.h"

#include <librdkafka/rdkafka.h>

#define POSITION_KEY_SIZE (SOURCE_ID_MAX + 1 + 64)

/* What this producer sent to a partition. */
typedef struct PartitionRun
{
	uint32_t in_flight; /* published, and not reported */
	uint32_t held;		/* of those: librdkafka doesn't have them */
	uint32_t pass;		/* of the last look at what is held, */
	bool goes;			/* and whether it went in that */
	bool open;			/* the broker acknowledged something */
	MonoUsec acknowledged_at;
} PartitionRun;

typedef struct SinkTopic
{
	rd_kafka_topic_t *handle; /* NULL: not used yet */
	PartitionRun *runs;
	uint32_t run_count;
} SinkTopic;

/* A view of what librdkafka is to get; one that is held owns value and headers. */
typedef struct SinkMessage
{
	rd_kafka_topic_t *topic;
	uint32_t topic_index;
	rd_kafka_headers_t *headers;
	ByteView key;
	ByteView value;
	int64_t timestamp_ms;
	DeliveryToken token;
	int32_t partition;
} SinkMessage;

/* What was published and librdkafka doesn't have yet, in order. */
typedef struct SinkRound
{
	SinkMessage *messages;
	uint32_t count;
	uint32_t pass;
	size_t bytes;
	size_t held_bytes;			 /* a larger event isn't held */
	rd_kafka_resp_err_t refused; /* why that one didn't go */
	DeliveryToken refused_token; /* 0: each went that was tried */
} SinkRound;

/*
 *	starting --init--> open --commit()--> ending --> open
 *
 * and any failure ends the sink.
 */
typedef enum TransactionState
{
	TRANSACTION_NONE, /* a sink without them */
	TRANSACTION_STARTING,
	TRANSACTION_OPEN,
	TRANSACTION_ENDING
} TransactionState;

typedef struct KafkaSink
{
	EventSink base;
	KafkaSinkHooks hooks;
	rd_kafka_t *handle;
	rd_kafka_queue_t *queue;
	rd_kafka_event_t *event; /* of which not every report was taken */
	SinkTopic *topics;
	uint32_t topic_count;
	uint32_t reported_topic; /* of the last report: the next is often of the same */
	MonoUsec now;			 /* of the last drain() */
	ClockWatch clock;
	int fd;
	bool failed;
	bool cut_off;
	Error refusal; /* class NONE: none */
	char certificate[KAFKA_CERTIFICATE_TEXT];
	SinkRound round;

	TransactionState transaction;
	TxnThread *thread;
	bool begun; /* something was published in this transaction */
	bool fenced;
	bool doomed;	 /* a fatal error isn't reported yet */
	uint32_t purged; /* events that went down with the transaction: the thread knows why */
	DeliveryToken purged_token;
	bool purged_certainly; /* it isn't persisted */
	char source_id[SOURCE_ID_MAX + 1];
	char position_key[POSITION_KEY_SIZE];
	char system_identifier[24];
	char transactional_id[TRANSACTIONAL_ID_SIZE];
	rd_kafka_topic_t *position_topic;
} KafkaSink;

/* kafka_sink_transactions.c */
extern const EventSinkOps kafka_sink_transactional_ops;
extern MUST_CHECK bool kafka_sink_start_transactions(KafkaSink *sink, const RelayConfig *config,
													 const KafkaTransactions *transactions,
													 Error *error);
/* What the thread says; how many reports there were. */
extern int kafka_sink_drain_thread(KafkaSink *sink, DeliveryFn deliver, void *arg);
/* true: the message went down with its transaction; it is reported when it is known why. */
extern bool kafka_sink_takes_purged(KafkaSink *sink, const rd_kafka_message_t *message);
/* true: librdkafka takes no more into this transaction, and says why by a report that is to come. */
extern bool kafka_sink_takes_end(KafkaSink *sink, rd_kafka_resp_err_t code);
/* Of the record with the position: no event is to blame. */
extern void kafka_sink_blame_position(Error *error);
extern void kafka_sink_end_transactions(KafkaSink *sink);

/* kafka_sink_messages.c */
extern MUST_CHECK bool kafka_sink_start_rounds(KafkaSink *sink, Error *error);
/* As publish() of sink.h. */
extern IoResult kafka_sink_take(KafkaSink *sink, rd_kafka_topic_t *topic, int32_t partition,
								const RoutedEvent *event, DeliveryToken token, Error *error);
/*
 * Hands over what is held, but for what would wait in librdkafka (all: that, too).  IO_OK: all that may go
 * has gone; IO_FULL: its queue is full; IO_FAILED: the sink failed.
 */
extern IoResult kafka_sink_let_go(KafkaSink *sink, bool all);
/* Reports what was held when the sink failed; how many reports there were. */
extern int kafka_sink_drain_round(KafkaSink *sink, DeliveryFn deliver, void *arg, int max);
extern void kafka_sink_end_rounds(KafkaSink *sink);

/* kafka_sink_topics.c */
/* NULL with the Error filled; a pointer lives until the next call. */
extern SinkTopic *kafka_sink_use_topic(KafkaSink *sink, const char *name, uint32_t index,
									   Error *error);
/* NULL: out of memory. */
extern PartitionRun *kafka_sink_use_run(SinkTopic *topic, uint32_t partition,
										uint32_t partition_count);
/* NULL: no such run, because of a topic that was given up. */
extern PartitionRun *kafka_sink_find_run(KafkaSink *sink, const rd_kafka_message_t *message);
/* Whether one more may go into the partition now. */
extern bool kafka_sink_may_follow(PartitionRun *run, MonoUsec now);
extern void kafka_sink_forget_topics(KafkaSink *sink);

/* kafka_sink.c */
extern IoResult kafka_sink_publish(EventSink *base, const RoutedEvent *event, DeliveryToken token,
								   Error *error);
extern void kafka_sink_release(EventSink *base);
extern int kafka_sink_drain(EventSink *base, DeliveryFn deliver, void *arg, int max);
extern int kafka_sink_fd(const EventSink *base);
extern void kafka_sink_close(EventSink *base);

#endif
