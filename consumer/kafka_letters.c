/*
 * kafka_letters.c
 *	  A producer of dead letters.
 *
 * Refuses nothing by itself: brokers and librdkafka do, and classify() says what
 * that means.  The producer waits for all replicas in sync and gives a letter up
 * after MESSAGE_TIMEOUT, so that its sender hears of it; it is sent again then, and
 * may be in the topic twice.
 *
 * Invariants: made at the first letter, as most consumers never have one; the
 * library reports through a queue that we poll; a token in the message's opaque
 * value tells the letter that is waited for from one that nobody waits for.
 */
#include "kafka_letters.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "exit_codes.h"
#include "failpoint.h"
#include "kafka_clock.h"
#include "kafka_conf.h"
#include "kafka_setup.h"
#include "kafka_trust.h"
#include "raw_headers.h"

#define MESSAGE_FIELDS 8
#define CREATE_TIMEOUT_MS 10000
#define REASON_SIZE 256

/* Set last.  Retries keep no order, and there is one message at a time. */
static const KafkaProperty owned[] = {{"acks", "all"},
									  {"enable.idempotence", "false"},
									  {"message.timeout.ms", "30000"},
									  {"linger.ms", "0"},
									  {"delivery.report.only.error", "false"},
									  {"partitioner", "murmur2_random"},
									  {"allow.auto.create.topics", "false"},
									  {"topic.metadata.propagation.max.ms", "5000"},
									  {"log.queue", "true"},
									  {NULL, NULL}};

static const KafkaProperty defaults[] = {
	{"client.id", "outbox-consumer"},
	{"reconnect.backoff.max.ms", "2000"},
	/* The topic decides.  Beyond a broker's socket.request.max.bytes it would only hang up. */
	{"message.max.bytes", "100000000"},
	{NULL, NULL}};

typedef struct KafkaLetters
{
	LetterSink base;
	KafkaLettersConfig config;
	rd_kafka_t *rk; /* NULL until the first letter */
	rd_kafka_queue_t *queue;
	int fd;
	uintptr_t token; /* of the letter that is waited for */
	bool waiting;
	ClockWatch clock;
	char create_reason[REASON_SIZE]; /* why the topic wasn't made; "" */
} KafkaLetters;

/* -------------------------------------------------------------------------
 * birth
 * ------------------------------------------------------------------------- */

static bool
set_passthrough(const char *name, const char *value, const char *origin, void *arg, Error *error)
{
	return kafka_conf_set(arg, name, value, origin, error);
}

static rd_kafka_conf_t *
make_conf(const Options *options, Error *error)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (kafka_conf_set_all(conf, defaults, error) &&
		options_each_passthrough(options, set_passthrough, conf, error) &&
		kafka_conf_set(conf, "bootstrap.servers", options_text(options, "kafka.bootstrap.servers"),
					   options_origin(options, "kafka.bootstrap.servers"), error) &&
		kafka_conf_set_all(conf, owned, error))
	{
		kafka_trust_explain(conf);
		rd_kafka_conf_set_events(conf,
								 RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
		return conf;
	}
	rd_kafka_conf_destroy(conf);
	return NULL;
}

/* The answer comes through the queue; letters wait meanwhile for the topic to appear. */
static void
create_topic(KafkaLetters *letters)
{
	char reason[REASON_SIZE];
	rd_kafka_NewTopic_t *topic =
		rd_kafka_NewTopic_new(letters->config.topic, letters->config.partitions,
							  letters->config.replication_factor, reason, sizeof(reason));
	rd_kafka_AdminOptions_t *options;

	if (topic == NULL)
	{
		snprintf(letters->create_reason, sizeof(letters->create_reason), "%s", reason);
		return;
	}
	/* Letters have the time stamps of their events. */
	(void) rd_kafka_NewTopic_set_config(topic, "retention.ms", "-1");
	options = rd_kafka_AdminOptions_new(letters->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	(void) rd_kafka_AdminOptions_set_request_timeout(options, CREATE_TIMEOUT_MS, reason,
													 sizeof(reason));
	rd_kafka_CreateTopics(letters->rk, &topic, 1, options, letters->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewTopic_destroy(topic);
}

static bool
start(KafkaLetters *letters, Error *error)
{
	static const uint64_t ring = 1;
	rd_kafka_conf_t *conf = make_conf(letters->config.options, error);

	if (conf == NULL)
		return false;
	letters->rk = kafka_setup_client(conf, false, error);
	if (letters->rk == NULL)
		return false;
	letters->queue = rd_kafka_queue_get_main(letters->rk);
	(void) rd_kafka_set_log_queue(letters->rk, letters->queue);
	rd_kafka_queue_io_event_enable(letters->queue, letters->fd, &ring, sizeof(ring));
	if (letters->config.create)
		create_topic(letters);
	return true;
}

/* -------------------------------------------------------------------------
 * out
 * ------------------------------------------------------------------------- */

static LetterOutcome
classify(const KafkaLetters *letters, rd_kafka_resp_err_t code, Error *error)
{
	const char *text = rd_kafka_err2str(code);

	error_clear(error);
	switch (code)
	{
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
			error_permanent(error, EXIT_DATA, "too large for topic \"%s\"", letters->config.topic);
			return LETTER_TOO_LARGE;
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
			error_permanent(error, EXIT_DATA, "no topic \"%s\"%s%s", letters->config.topic,
							letters->create_reason[0] != '\0' ? ", and it can't be made: " : "",
							letters->create_reason);
			return LETTER_REFUSED;
		case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
		case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
		case RD_KAFKA_RESP_ERR_INVALID_MSG:
		case RD_KAFKA_RESP_ERR_INVALID_RECORD:
			error_permanent(error, EXIT_DATA, "topic \"%s\": %s", letters->config.topic, text);
			return LETTER_REFUSED;
		default:
			error_transient(error, "could not write a dead letter to topic \"%s\": %s",
							letters->config.topic, text);
			return LETTER_FAILED;
	}
}

/* NULL without memory, or when the bytes are no headers. */
static rd_kafka_headers_t *
make_headers(ByteView raw)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(16);
	InboxHeader header;
	Reader reader;

	reader_init(&reader, raw.data, raw.len);
	while (headers != NULL && raw_headers_next(&reader, &header))
	{
		if (rd_kafka_header_add(headers, (const char *) header.name.data, (ssize_t) header.name.len,
								header.value.data,
								(ssize_t) header.value.len) != RD_KAFKA_RESP_ERR_NO_ERROR)
			reader.failed = true;
	}
	if (!reader.failed || headers == NULL)
		return headers;
	rd_kafka_headers_destroy(headers);
	return NULL;
}

static bool
produce(KafkaLetters *letters, const Letter *letter, LetterReport *report)
{
	rd_kafka_headers_t *headers = make_headers(letter->headers);
	rd_kafka_vu_t fields[MESSAGE_FIELDS];
	rd_kafka_resp_err_t code;
	rd_kafka_error_t *failed;
	size_t n = 0;

	if (headers == NULL)
	{
		report->outcome = LETTER_FAILED;
		return error_transient(&report->error, "could not write a dead letter: out of memory");
	}
	fields[n].vtype = RD_KAFKA_VTYPE_TOPIC;
	fields[n++].u.cstr = letters->config.topic;
	fields[n].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
	fields[n++].u.i = RD_KAFKA_MSG_F_COPY;
	fields[n].vtype = RD_KAFKA_VTYPE_KEY;
	fields[n].u.mem.ptr = (void *) letter->key.data;
	fields[n++].u.mem.size = letter->key.len;
	fields[n].vtype = RD_KAFKA_VTYPE_VALUE;
	fields[n].u.mem.ptr = (void *) letter->value.data;
	fields[n++].u.mem.size = letter->value.len;
	if (letter->timestamp_ms > 0)
	{
		fields[n].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
		fields[n++].u.i64 = letter->timestamp_ms;
	}
	fields[n].vtype = RD_KAFKA_VTYPE_OPAQUE;
	fields[n++].u.ptr = (void *) ++letters->token;
	fields[n].vtype = RD_KAFKA_VTYPE_HEADERS;
	fields[n++].u.headers = headers;
	failed = rd_kafka_produceva(letters->rk, fields, n);
	letters->waiting = failed == NULL;
	if (failed == NULL && FAILPOINT_ERROR("letter-produced", &report->error))
	{
		/* On its way, and nobody waits for it. */
		letters->waiting = false;
		report->outcome = LETTER_FAILED;
		return false;
	}
	if (failed == NULL)
		return true;
	rd_kafka_headers_destroy(headers);
	code = rd_kafka_error_code(failed);
	rd_kafka_error_destroy(failed);
	report->outcome = classify(letters, code, &report->error);
	return false;
}

static bool
letters_send(LetterSink *base, const Letter *letter, LetterReport *report)
{
	KafkaLetters *letters = (KafkaLetters *) base;

	memset(report, 0, sizeof(*report));
	if (letters->rk == NULL && !start(letters, &report->error))
	{
		/* A property that only a producer refuses: the letter goes elsewhere. */
		report->outcome = LETTER_REFUSED;
		return false;
	}
	return produce(letters, letter, report);
}

/* -------------------------------------------------------------------------
 * and back
 * ------------------------------------------------------------------------- */

static void
take_delivery(KafkaLetters *letters, rd_kafka_event_t *event, LetterReport *report)
{
	const rd_kafka_message_t *message;

	while ((message = rd_kafka_event_message_next(event)) != NULL)
	{
		if (!letters->waiting || (uintptr_t) message->_private != letters->token)
			continue;
		letters->waiting = false;
		report->outcome = LETTER_STORED;
		report->partition = message->partition;
		report->offset = message->offset;
		if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
			report->outcome = classify(letters, message->err, &report->error);
		if (FAILPOINT_ERROR("letter-stored", &report->error))
			report->outcome = LETTER_FAILED;
	}
}

static void
take_creation(KafkaLetters *letters, rd_kafka_event_t *event)
{
	const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	const char *text = rd_kafka_event_error_string(event);
	size_t count = 0;

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && result != NULL)
	{
		const rd_kafka_topic_result_t **topics =
			rd_kafka_CreateTopics_result_topics(result, &count);

		if (count == 1)
		{
			code = rd_kafka_topic_result_error(topics[0]);
			text = rd_kafka_topic_result_error_string(topics[0]);
		}
	}
	letters->create_reason[0] = '\0';
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		snprintf(letters->create_reason, sizeof(letters->create_reason), "%s",
				 text != NULL ? text : rd_kafka_err2str(code));
}

static LetterOutcome
letters_step(LetterSink *base, LetterReport *report)
{
	KafkaLetters *letters = (KafkaLetters *) base;
	rd_kafka_event_t *event;
	uint64_t rings;

	memset(report, 0, sizeof(*report));
	if (letters->rk == NULL)
		return LETTER_PENDING;
	while (read(letters->fd, &rings, sizeof(rings)) > 0)
		;
	(void) kafka_clock_look(&letters->clock, letters->rk);
	while ((event = rd_kafka_queue_poll(letters->queue, 0)) != NULL)
	{
		/* Of brokers that are away the inbox tells. */
		if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
			take_delivery(letters, event, report);
		else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
			take_creation(letters, event);
		rd_kafka_event_destroy(event);
	}
	return report->outcome;
}

static const char *
letters_topic(const LetterSink *base)
{
	return ((const KafkaLetters *) base)->config.topic;
}

static int
letters_fd(const LetterSink *base)
{
	return ((const KafkaLetters *) base)->fd;
}

static void
letters_destroy(LetterSink *base)
{
	KafkaLetters *letters = (KafkaLetters *) base;

	if (letters == NULL)
		return;
	if (letters->rk != NULL)
	{
		(void) rd_kafka_purge(letters->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
											   RD_KAFKA_PURGE_F_NON_BLOCKING);
		rd_kafka_queue_io_event_enable(letters->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(letters->queue);
		rd_kafka_destroy(letters->rk);
	}
	if (letters->fd >= 0)
		close(letters->fd);
	free(letters);
}

static const LetterSinkClass kafka_letters_class = {
	.send = letters_send,
	.step = letters_step,
	.topic = letters_topic,
	.fd = letters_fd,
	.destroy = letters_destroy,
};

LetterSink *
kafka_letters_create(const KafkaLettersConfig *config, Error *error)
{
	KafkaLetters *letters = calloc(1, sizeof(*letters));

	if (letters == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	letters->base.methods = &kafka_letters_class;
	letters->config = *config;
	letters->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (letters->fd < 0)
	{
		error_bug(error, "could not create an event descriptor: %s", strerror(errno));
		free(letters);
		return NULL;
	}
	return &letters->base;
}
