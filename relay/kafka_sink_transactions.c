/*
 * kafka_sink_transactions.c
 *	  The transactions of a sink: their beginning, their end, and what is said of it.
 *
 * Refuses to publish while a transaction ends, and to end one that is ending.
 *
 * Invariants: nothing here blocks but closing, for at most ABORT_USEC; the position is the
 * last record of its transaction; that a transaction is committed is said when each of its
 * events was reported, because librdkafka ends none before that.
 */
#include "kafka_sink_intern.h"

#include "exit_codes.h"
#include "failpoint.h"

#include <stdio.h>
#include <string.h>

/* So that nobody who reads committed records waits for transaction.timeout. */
#define ABORT_USEC (1 * USEC_PER_SEC)
#define ABORT_POLL_MS 10

bool
kafka_sink_start_transactions(KafkaSink *sink, const RelayConfig *config,
							  const KafkaTransactions *transactions, Error *error)
{
	sink->base.ops = &kafka_sink_transactional_ops;
	sink->transaction = TRANSACTION_STARTING;
	snprintf(sink->source_id, sizeof(sink->source_id), "%s", transactions->source_id);
	snprintf(sink->position_key, sizeof(sink->position_key), "%s/%s", transactions->source_id,
			 transactions->slot);
	snprintf(sink->system_identifier, sizeof(sink->system_identifier), "%s",
			 transactions->system_identifier);
	snprintf(sink->transactional_id, sizeof(sink->transactional_id), "%s", transactions->id);
	sink->position_topic = rd_kafka_topic_new(sink->handle, config->position_topic, NULL);
	if (sink->position_topic == NULL)
		return kafka_error_fill(error, rd_kafka_last_error(), "use the position topic");
	sink->thread = txn_thread_start(sink->handle, sink->fd, error);
	if (sink->thread == NULL)
		return false;
	return txn_thread_post(sink->thread, TXN_INIT) || error_bug(error, "a new thread is busy");
}

bool
kafka_sink_is_ready(const EventSink *base)
{
	const KafkaSink *sink = (const KafkaSink *) base;

	return !sink->failed &&
		   (sink->transaction == TRANSACTION_NONE || sink->transaction == TRANSACTION_OPEN);
}

/* Also when some other failure was reported first. */
bool
kafka_sink_is_fenced(const EventSink *base)
{
	const KafkaSink *sink = (const KafkaSink *) base;

	return sink->fenced || (sink->transaction != TRANSACTION_NONE &&
							txn_is_fencing(rd_kafka_fatal_error(sink->handle, NULL, 0)));
}

static IoResult
write_position(KafkaSink *sink, const Position *before, Error *error)
{
	char value[POSITION_TEXT_SIZE];
	size_t len = position_format(sink->source_id, before, value);
	rd_kafka_resp_err_t code = rd_kafka_producev(
		sink->handle, RD_KAFKA_V_RKT(sink->position_topic), RD_KAFKA_V_PARTITION(0),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(value, len),
		RD_KAFKA_V_KEY(sink->position_key, strlen(sink->position_key)),
		RD_KAFKA_V_HEADER(POSITION_HEADER_SYSTEM, sink->system_identifier, -1),
		RD_KAFKA_V_HEADER(POSITION_HEADER_WRITER, sink->transactional_id, -1), RD_KAFKA_V_END);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return FAILPOINT_ERROR("position-written", error) ? IO_FAILED : IO_OK;
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL || kafka_sink_takes_end(sink, code))
		return IO_AGAIN;
	kafka_error_fill(error, code, "write the position of a transaction");
	error->error_class = ERROR_CLASS_TRANSIENT; /* no event is to blame */
	return IO_FAILED;
}

static IoResult
sink_commit(EventSink *base, const Position *before, Error *error)
{
	KafkaSink *sink = (KafkaSink *) base;
	IoResult io;

	if (sink->transaction != TRANSACTION_OPEN)
		return IO_AGAIN;
	if (sink->failed)
	{
		error_transient(error, "the producer failed and is to be replaced");
		return IO_FAILED;
	}
	/* The position comes last.  What is refused now is reported. */
	if (kafka_sink_let_go(sink, true) != IO_OK)
		return IO_AGAIN;
	io = write_position(sink, before, error);
	if (io != IO_OK)
		return io;
	if (!txn_thread_post(sink->thread, TXN_COMMIT))
	{
		error_bug(error, "a transaction is ended twice");
		return IO_FAILED;
	}
	sink->transaction = TRANSACTION_ENDING;
	return IO_OK;
}

void
kafka_sink_blame_position(Error *error)
{
	error_hint(error, "It was the record of the position topic (transaction.position.topic).");
	if (error->exit_code == EXIT_POISON)
		error->exit_code = EXIT_PERMISSION;
}

/*
 * When a transaction can't go on, librdkafka drops its messages, takes no others and says no more; the
 * reason is told to whoever tries to commit it.
 */
static void
ask_why(KafkaSink *sink)
{
	sink->failed = true;
	if (sink->transaction == TRANSACTION_OPEN && txn_thread_post(sink->thread, TXN_COMMIT))
		sink->transaction = TRANSACTION_ENDING;
}

bool
kafka_sink_takes_end(KafkaSink *sink, rd_kafka_resp_err_t code)
{
	bool ends = code == RD_KAFKA_RESP_ERR__STATE ||
				rd_kafka_fatal_error(sink->handle, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;

	if (sink->transaction == TRANSACTION_NONE || !ends)
		return false;
	ask_why(sink);
	return true;
}

bool
kafka_sink_takes_purged(KafkaSink *sink, const rd_kafka_message_t *message)
{
	if (sink->transaction == TRANSACTION_NONE ||
		(message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
		 message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT))
		return false;
	sink->purged++;
	sink->purged_token = (DeliveryToken) (uintptr_t) message->_private;
	sink->purged_certainly = rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
	ask_why(sink);
	return true;
}

/* Of the one event that went down with it, or of none. */
static void
report_failure(KafkaSink *sink, const Error *error, DeliveryFn deliver, void *arg)
{
	Delivery delivery = {.token = sink->purged == 1 ? sink->purged_token : 0,
						 .certainly_not_persisted = sink->purged_certainly};

	sink->failed = true;
	sink->doomed = false;
	delivery.error = *error;
	deliver(&delivery, arg);
}

static void
fill_doom(KafkaSink *sink, Error *error)
{
	char reason[256];
	rd_kafka_resp_err_t code = rd_kafka_fatal_error(sink->handle, reason, sizeof(reason));

	sink->fenced = txn_is_fencing(code);
	error_clear(error);
	kafka_error_fill(error, code, "go on with a transaction");
	error_detail(error, "%s", reason);
}

int
kafka_sink_drain_thread(KafkaSink *sink, DeliveryFn deliver, void *arg)
{
	Delivery delivery = {.token = 0};
	TxnResult result;
	Error error;

	if (txn_thread_take(sink->thread, &result))
	{
		if (result.done && FAILPOINT_ERROR("commit-told", &result.error))
			result.done = false;
		if (!result.done)
		{
			sink->fenced = result.fenced;
			report_failure(sink, &result.error, deliver, arg);
			return 1;
		}
		sink->transaction = TRANSACTION_OPEN;
		sink->begun = false;
		delivery.delivered = result.job == TXN_COMMIT;
		if (!delivery.delivered)
			return 0;
		deliver(&delivery, arg);
		return 1;
	}
	if (!sink->doomed)
		return 0;
	fill_doom(sink, &error);
	report_failure(sink, &error, deliver, arg);
	return 1;
}

/* Readers of committed records wait at an open transaction; the next producer would end it, too. */
static void
abort_transaction(KafkaSink *sink)
{
	MonoUsec deadline = clock_mono() + ABORT_USEC;
	TxnResult result;

	if (!sink->begun || sink->cut_off || sink->fenced || !txn_thread_post(sink->thread, TXN_ABORT))
		return;
	while (!txn_thread_take(sink->thread, &result) && clock_mono() < deadline)
	{
		/* Its reports must be taken. */
		rd_kafka_event_t *event = rd_kafka_queue_poll(sink->queue, ABORT_POLL_MS);

		if (event != NULL)
			rd_kafka_event_destroy(event);
	}
}

void
kafka_sink_end_transactions(KafkaSink *sink)
{
	if (sink->thread != NULL)
	{
		TxnResult result;

		if (sink->event != NULL)
			rd_kafka_event_destroy(sink->event);
		sink->event = NULL;
		(void) txn_thread_take(sink->thread, &result);
		abort_transaction(sink);
		txn_thread_stop(sink->thread);
		sink->thread = NULL;
	}
	if (sink->position_topic != NULL)
		rd_kafka_topic_destroy(sink->position_topic);
	sink->position_topic = NULL;
}

const EventSinkOps kafka_sink_transactional_ops = {
	.publish = kafka_sink_publish,
	.release = kafka_sink_release,
	.drain = kafka_sink_drain,
	.fd = kafka_sink_fd,
	.close = kafka_sink_close,
	.commit = sink_commit,
};
