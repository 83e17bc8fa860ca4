/*
 * kafka_send.c
 *	  The least that a client of librdkafka can do with the same messages: they lie in memory, in their
 *	  order, and are sent with their keys, headers and partitions by one idempotent producer.
 *
 * Refuses to go on after a message that wasn't delivered.
 *
 * Invariants: the measured part starts with a connected producer, after "ready" on standard error and the end of
 * standard input, and ends with the last report.
 */
#include "commands.h"
#include "exit_codes.h"
#include "kafka_read.h"
#include "kafka_setup.h"
#include "spent.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_MAX 8
#define ANSWER_MS 20000
#define FLUSH_MS 120000
#define FIELDS 7

typedef struct Part
{
	const void *data; /* NULL: null */
	size_t len;
} Part;

typedef struct Message
{
	int32_t partition;
	int header_count;
	Part key;
	Part value;
	const char *names[HEADERS_MAX];
	Part headers[HEADERS_MAX];
} Message;

typedef struct Store
{
	uint64_t events;
	Message **messages; /* by their numbers */
} Store;

static char *
put(char *place, Part *part, const void *data, size_t len)
{
	*part = (Part){data == NULL ? NULL : place, len};
	if (data != NULL && len > 0)
		memcpy(place, data, len);
	return place + len;
}

static size_t
size_of(const rd_kafka_message_t *message, const rd_kafka_headers_t *headers)
{
	size_t size = sizeof(Message) + message->key_len + message->len;
	const char *name;
	const void *value;
	size_t len;

	for (size_t i = 0;
		 headers != NULL &&
		 rd_kafka_header_get_all(headers, i, &name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR;
		 i++)
		size += strlen(name) + 1 + len;
	return size;
}

static bool
keep(const rd_kafka_message_t *message, void *arg, Error *error)
{
	Store *store = arg;
	uint64_t number = kafka_event_number(message);
	rd_kafka_headers_t *headers = NULL;
	const char *name;
	const void *value;
	size_t len;
	Message *kept;
	char *place;

	if (number >= store->events || store->messages[number] != NULL)
		return error_permanent(error, EXIT_DATA, "a strange record at offset %" PRId64,
							   message->offset);
	(void) rd_kafka_message_headers(message, &headers);
	kept = malloc(size_of(message, headers));
	if (kept == NULL)
		return error_bug(error, "out of memory");
	kept->partition = message->partition;
	kept->header_count = 0;
	place = put((char *) (kept + 1), &kept->key, message->key, message->key_len);
	place = put(place, &kept->value, message->payload, message->len);
	for (int i = 0; headers != NULL && i < HEADERS_MAX &&
					rd_kafka_header_get_all(headers, (size_t) i, &name, &value, &len) ==
						RD_KAFKA_RESP_ERR_NO_ERROR;
		 i++)
	{
		kept->names[i] = place;
		place = memcpy(place, name, strlen(name) + 1);
		place = put(place + strlen(name) + 1, &kept->headers[i], value, len);
		kept->header_count++;
	}
	store->messages[number] = kept;
	return true;
}

static void
report(rd_kafka_t *handle, const rd_kafka_message_t *message, void *arg)
{
	uint64_t *delivered = arg;

	(void) handle;
	*delivered += message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_t *
make_producer(const char *servers, char **properties, uint64_t *delivered, Error *error)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	bool ok = kafka_set(conf, "bootstrap.servers", servers, error) &&
			  kafka_set(conf, "enable.idempotence", "true", error) &&
			  kafka_set(conf, "acks", "all", error);

	for (; ok && *properties != NULL; properties++)
	{
		char name[64];
		size_t len = strcspn(*properties, "=");

		snprintf(name, sizeof(name), "%.*s", (int) len, *properties);
		ok = (*properties)[len] == '='
				 ? kafka_set(conf, name, *properties + len + 1, error)
				 : error_permanent(error, EXIT_CONFIG, "\"%s\" is no property", *properties);
	}
	rd_kafka_conf_set_dr_msg_cb(conf, report);
	rd_kafka_conf_set_opaque(conf, delivered);
	if (ok)
		return kafka_setup_client(conf, false, error);
	rd_kafka_conf_destroy(conf);
	return NULL;
}

static bool
send_one(rd_kafka_t *handle, rd_kafka_topic_t *topic, const Message *message, Error *error)
{
	for (;;)
	{
		rd_kafka_headers_t *headers = rd_kafka_headers_new((size_t) message->header_count);
		rd_kafka_vu_t fields[FIELDS] = {
			{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
			{.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = message->partition},
			{.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
			{.vtype = RD_KAFKA_VTYPE_KEY,
			 .u.mem = {.ptr = (void *) message->key.data, .size = message->key.len}},
			{.vtype = RD_KAFKA_VTYPE_VALUE,
			 .u.mem = {.ptr = (void *) message->value.data, .size = message->value.len}},
			{.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers}};
		rd_kafka_error_t *failure;
		rd_kafka_resp_err_t code;

		for (int i = 0; i < message->header_count; i++)
			(void) rd_kafka_header_add(headers, message->names[i], -1, message->headers[i].data,
									   (ssize_t) message->headers[i].len);
		failure = rd_kafka_produceva(handle, fields, 6);
		if (failure == NULL)
			return true;
		code = rd_kafka_error_code(failure);
		rd_kafka_error_destroy(failure);
		rd_kafka_headers_destroy(headers);
		if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return error_permanent(error, EXIT_DATA, "could not send: %s", rd_kafka_err2str(code));
		rd_kafka_poll(handle, 10);
	}
}

/* Whoever started us may want to begin something else at the same moment. */
static void
wait_for_word(void)
{
	char byte;

	fprintf(stderr, "ready\n");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
}

static bool
send_all(rd_kafka_t *handle, const char *name, const Store *store, uint64_t *delivered,
		 Spent *spent, Error *error)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, name, NULL);
	const struct rd_kafka_metadata *metadata = NULL;
	bool ok;

	ok = rd_kafka_metadata(handle, 0, topic, &metadata, ANSWER_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
	if (ok)
		rd_kafka_metadata_destroy(metadata);
	else
		(void) error_permanent(error, EXIT_CONFIG, "could not find the topic \"%s\"", name);
	wait_for_word();
	spent_begin(spent, 0);
	for (uint64_t i = 0; ok && i < store->events; i++)
	{
		ok = send_one(handle, topic, store->messages[i], error);
		if (i % 256 == 0)
			rd_kafka_poll(handle, 0);
	}
	if (ok)
		rd_kafka_flush(handle, FLUSH_MS);
	spent_end(spent);
	if (ok && *delivered != store->events)
		ok = error_permanent(error, EXIT_DATA, "%" PRIu64 " of %" PRIu64 " events are delivered",
							 *delivered, store->events);
	rd_kafka_topic_destroy(topic);
	return ok;
}

static bool
is_whole(const Store *store, Error *error)
{
	for (uint64_t i = 0; i < store->events; i++)
	{
		if (store->messages[i] == NULL)
			return error_permanent(error, EXIT_DATA, "the topic lacks event %" PRIu64, i);
	}
	return true;
}

bool
command_send(char **args, Error *error)
{
	Store store = {.events = strtoull(args[2], NULL, 10)};
	uint64_t delivered = 0;
	rd_kafka_t *handle;
	Spent spent;
	bool ok;

	store.messages = calloc(store.events > 0 ? store.events : 1, sizeof(*store.messages));
	if (store.messages == NULL)
		return error_bug(error, "out of memory");
	if (!kafka_read(args[0], args[1], keep, &store, error) || !is_whole(&store, error))
		return false;
	handle = make_producer(args[0], args + 4, &delivered, error);
	if (handle == NULL)
		return false;
	ok = send_all(handle, args[3], &store, &delivered, &spent, error);
	rd_kafka_destroy(handle);
	for (uint64_t i = 0; i < store.events; i++)
		free(store.messages[i]);
	free(store.messages);
	if (!ok)
		return false;
	printf("{");
	spent_print(&spent);
	printf(", \"events\": %" PRIu64 "}\n", delivered);
	return true;
}
