/*
 * kafka_sink_messages.c
 *	  How an event becomes a message of librdkafka: together with the others of its round.
 *
 *		publish() -> round -- release(), drain(), or no more room --> librdkafka
 *
 * librdkafka's thread makes a batch of what is there when the linger of the first message is over.  Events that
 * come to it one by one, each behind the work of decoding it, make many small batches, each with a
 * request of its own; those of a whole round, given at once, make one.  And it sends nothing more to a partition
 * while five messages or more are on their way there, but as long as something is due behind them its thread goes round
 * without a pause: such messages are kept here until the answer has come.
 *
 * Refuses what librdkafka refuses.  What is large isn't held: it fills a batch by itself.  Nor is the first one to a
 * partition: librdkafka may refuse it on hearsay (it remembers for minutes that a topic was forbidden), and who
 * publishes hears of that at once, and asks the brokers.
 *
 * Invariants: librdkafka gets the messages of a partition in the order of publish(); behind one that it refused it gets
 * none; what is kept waits for reports that are to come; a message that is held when the sink fails is reported as failed.
 */
#include "kafka_sink_intern.h"

#include "exit_codes.h"
#include "failpoint.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define MESSAGE_FIELDS 8

#define ROUND_MESSAGES 4096
#define ROUND_BYTES ((size_t) 1024 * 1024)
#define HELD_BYTES 16384 /* of one */
/* RD_KAFKA_IDEMP_MAX_INFLIGHT of librdkafka, which counts messages, up to 2.14 at least. */
#define MESSAGES_IN_FLIGHT 5

bool
kafka_sink_start_rounds(KafkaSink *sink, Error *error)
{
	char limit[24];
	size_t size = sizeof(limit);

	sink->round.messages = calloc(ROUND_MESSAGES, sizeof(*sink->round.messages));
	if (sink->round.messages == NULL)
		return error_bug(error, "out of memory");
	/* So that librdkafka's limit for one message is met where it can be blamed on it. */
	sink->round.held_bytes = HELD_BYTES;
	if (rd_kafka_conf_get(rd_kafka_conf(sink->handle), "message.max.bytes", limit, &size) ==
			RD_KAFKA_CONF_OK &&
		strtoul(limit, NULL, 10) / 2 < HELD_BYTES)
		sink->round.held_bytes = strtoul(limit, NULL, 10) / 2;
	return true;
}

/* -------------------------------------------------------------------------
 * one
 * -------------------------------------------------------------------------
 */

/* NULL: out of memory. */
static rd_kafka_headers_t *
make_headers(const RoutedEvent *event)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new((size_t) event->header_count);

	if (headers == NULL)
		return NULL;
	for (int i = 0; i < event->header_count; i++)
	{
		const RoutedHeader *header = &event->headers[i];

		if (rd_kafka_header_add(headers, (const char *) header->name.data,
								(ssize_t) header->name.len, header->value.data,
								(ssize_t) header->value.len) != RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			rd_kafka_headers_destroy(headers);
			return NULL;
		}
	}
	return headers;
}

/* Takes the headers, and with RD_KAFKA_MSG_F_FREE the value, unless it fails. */
static rd_kafka_resp_err_t
hand_over(KafkaSink *sink, const SinkMessage *message, int flags)
{
	rd_kafka_vu_t fields[MESSAGE_FIELDS];
	rd_kafka_error_t *failure;
	rd_kafka_resp_err_t code;
	int n = 0;

	if (FAILPOINT("message-handed-over"))
		return RD_KAFKA_RESP_ERR__FAIL;
	fields[n].vtype = RD_KAFKA_VTYPE_RKT;
	fields[n++].u.rkt = message->topic;
	fields[n].vtype = RD_KAFKA_VTYPE_PARTITION;
	fields[n++].u.i32 = message->partition;
	fields[n].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
	fields[n++].u.i = flags;
	fields[n].vtype = RD_KAFKA_VTYPE_KEY;
	fields[n].u.mem.ptr = (void *) message->key.data;
	fields[n++].u.mem.size = message->key.len;
	fields[n].vtype = RD_KAFKA_VTYPE_VALUE;
	fields[n].u.mem.ptr = (void *) message->value.data;
	fields[n++].u.mem.size = message->value.len;
	fields[n].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
	fields[n++].u.i64 = message->timestamp_ms;
	fields[n].vtype = RD_KAFKA_VTYPE_OPAQUE;
	fields[n++].u.ptr = (void *) (uintptr_t) message->token;
	fields[n].vtype = RD_KAFKA_VTYPE_HEADERS;
	fields[n++].u.headers = message->headers;

	failure = rd_kafka_produceva(sink->handle, fields, (size_t) n);
	if (failure == NULL)
	{
		sink->begun = true;
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	}
	code = rd_kafka_error_code(failure);
	rd_kafka_error_destroy(failure);
	return code;
}

/* -------------------------------------------------------------------------
 * those of a round
 * -------------------------------------------------------------------------
 */

static PartitionRun *
run_of(KafkaSink *sink, const SinkMessage *message)
{
	return &sink->topics[message->topic_index].runs[message->partition];
}

static bool
has_room(const SinkRound *round, size_t size)
{
	return round->count < ROUND_MESSAGES && round->bytes + size <= ROUND_BYTES;
}

/* IO_FULL: nobody has it. */
static IoResult
hold(KafkaSink *sink, const SinkMessage *message)
{
	SinkRound *round = &sink->round;
	size_t size = message->value.len + message->key.len;
	SinkMessage *held;
	uint8_t *copy;

	if (!has_room(round, size))
		(void) kafka_sink_let_go(sink, true);
	if (sink->failed || !has_room(round, size))
		return IO_FULL;
	/* The value is librdkafka's in the end; the key, behind it, is copied by it. */
	copy = malloc(size + 1);
	if (copy == NULL)
		return IO_FULL;
	held = &round->messages[round->count++];
	*held = *message;
	memcpy(copy, message->value.data, message->value.len);
	held->value.data = copy;
	if (message->key.data != NULL)
	{
		memcpy(copy + message->value.len, message->key.data, message->key.len);
		held->key.data = copy + message->value.len;
	}
	round->bytes += size;
	run_of(sink, held)->held++;
	return IO_OK;
}

static void
drop(SinkMessage *message)
{
	rd_kafka_headers_destroy(message->headers);
	free((void *) message->value.data);
}

/* One answer for all of its messages in this pass, so that they stay in order. */
static bool
may_go(KafkaSink *sink, const SinkMessage *message, bool all)
{
	PartitionRun *run = run_of(sink, message);

	if (run->pass != sink->round.pass)
	{
		run->pass = sink->round.pass;
		run->goes = all || run->in_flight - run->held < MESSAGES_IN_FLIGHT;
	}
	return run->goes;
}

/* The owner is to come and hear of it. */
static void
take_refusal(KafkaSink *sink, const SinkMessage *message, rd_kafka_resp_err_t code)
{
	sink->failed = true;
	if (kafka_sink_takes_end(sink, code))
		return;
	sink->round.refused = code;
	sink->round.refused_token = message->token;
	(void) eventfd_write(sink->fd, 1);
}

IoResult
kafka_sink_let_go(KafkaSink *sink, bool all)
{
	SinkRound *round = &sink->round;
	uint32_t count = round->count;
	uint32_t kept = 0;
	IoResult io = IO_OK;

	if (sink->failed)
		return count > 0 ? IO_FAILED : IO_OK;
	if (count == 0)
		return IO_OK;
	round->pass++;
	for (uint32_t i = 0; i < count; i++)
	{
		SinkMessage *message = &round->messages[i];
		size_t size = message->value.len + message->key.len;
		rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__QUEUE_FULL;

		if (io == IO_OK && may_go(sink, message, all))
		{
			code = hand_over(sink, message, RD_KAFKA_MSG_F_FREE);
			if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			{
				run_of(sink, message)->held--;
				round->bytes -= size;
				continue;
			}
			io = code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? IO_FULL : IO_FAILED;
			if (io == IO_FAILED)
				take_refusal(sink, message, code);
		}
		round->messages[kept++] = *message;
	}
	round->count = kept;
	return io;
}

static void
report(KafkaSink *sink, const SinkMessage *message, DeliveryFn deliver, void *arg)
{
	SinkRound *round = &sink->round;
	Delivery delivery = {.token = message->token,
						 .certainly_not_persisted = true,
						 .topic = rd_kafka_topic_name(message->topic),
						 .partition = message->partition};

	error_clear(&delivery.error);
	if (round->refused_token == message->token)
	{
		kafka_error_fill(&delivery.error, round->refused, "publish an event");
		/* It was taken there a moment ago.  The next producer's first one will show whether it still is. */
		if (delivery.error.exit_code == EXIT_POISON)
			delivery.error.error_class = ERROR_CLASS_TRANSIENT;
	}
	else
		error_transient(&delivery.error, "the producer failed before it had this event");
	deliver(&delivery, arg);
}

int
kafka_sink_drain_round(KafkaSink *sink, DeliveryFn deliver, void *arg, int max)
{
	SinkRound *round = &sink->round;
	uint32_t count = 0;

	/* Behind a transaction that ends the reason comes, and is worth more. */
	if (!sink->failed || sink->transaction == TRANSACTION_ENDING)
		return 0;
	for (; count < round->count && count < (uint32_t) max; count++)
	{
		report(sink, &round->messages[count], deliver, arg);
		drop(&round->messages[count]);
	}
	round->count -= count;
	memmove(round->messages, round->messages + count, round->count * sizeof(*round->messages));
	return (int) count;
}

void
kafka_sink_end_rounds(KafkaSink *sink)
{
	for (uint32_t i = 0; i < sink->round.count; i++)
		drop(&sink->round.messages[i]);
	free(sink->round.messages);
	sink->round = (SinkRound){0};
}

/* -------------------------------------------------------------------------
 * in
 * -------------------------------------------------------------------------
 */

IoResult
kafka_sink_take(KafkaSink *sink, rd_kafka_topic_t *topic, int32_t partition,
				const RoutedEvent *event, DeliveryToken token, Error *error)
{
	SinkMessage message = {.topic = topic,
						   .topic_index = event->topic_index,
						   .headers = make_headers(event),
						   .key = event->key,
						   .value = event->value,
						   .timestamp_ms = event->timestamp_ms,
						   .token = token,
						   .partition = partition};
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__QUEUE_FULL;

	if (message.headers == NULL)
	{
		error_bug(error, "out of memory");
		return IO_FAILED;
	}
	if (event->value.data != NULL && event->size <= sink->round.held_bytes &&
		run_of(sink, &message)->open)
	{
		if (hold(sink, &message) == IO_OK)
			return IO_OK;
	}
	else if (kafka_sink_let_go(sink, true) == IO_OK)
		code = hand_over(sink, &message, RD_KAFKA_MSG_F_COPY);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return IO_OK;
	rd_kafka_headers_destroy(message.headers); /* they are ours again */
	/* Also when what was held is refused: it is reported. */
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL || kafka_sink_takes_end(sink, code))
		return IO_FULL;
	if (code == RD_KAFKA_RESP_ERR__FATAL)
		sink->failed = true;
	kafka_error_fill(error, code, "publish an event");
	return IO_FAILED;
}
