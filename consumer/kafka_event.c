/*
 * kafka_event.c
 *	  librdkafka's events as the inbox's.
 */
#include "kafka_intern.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "exit_codes.h"

#define HEADERS_KEPT 1024 /* room that the next record finds */
#define LEVEL_INFO 6	  /* of syslog */

bool
kafka_succeeded(rd_kafka_error_t *failed, const char *doing, Error *error)
{
	if (failed == NULL)
		return true;
	error_transient(error, "could not %s: %s", doing, rd_kafka_error_string(failed));
	rd_kafka_error_destroy(failed);
	return false;
}

static bool
set_places(KafkaInbox *inbox, const rd_kafka_topic_partition_list_t *list, InboxEvent *event)
{
	size_t count = list != NULL ? (size_t) list->cnt : 0;

	if (count > inbox->place_room)
	{
		InboxPlace *places = realloc(inbox->places, count * sizeof(*places));

		if (places == NULL)
			return false;
		inbox->places = places;
		inbox->place_room = count;
	}
	for (size_t i = 0; i < count; i++)
		inbox->places[i] = (InboxPlace){.topic = list->elems[i].topic,
										.partition = list->elems[i].partition,
										.offset = INBOX_OFFSET_UNKNOWN};
	event->places = inbox->places;
	event->place_count = count;
	return true;
}

/* False without memory. */
static bool
take_headers(KafkaInbox *inbox, const rd_kafka_headers_t *headers, InboxRecord *record)
{
	size_t count = rd_kafka_header_cnt(headers);
	const char *name;
	const void *value;
	size_t len;

	if (count <= HEADERS_KEPT && inbox->header_room > HEADERS_KEPT)
	{
		free(inbox->headers);
		inbox->headers = NULL;
		inbox->header_room = 0;
	}
	if (count > inbox->header_room)
	{
		InboxHeader *grown = realloc(inbox->headers, count * sizeof(*grown));

		if (grown == NULL)
			return false;
		inbox->headers = grown;
		inbox->header_room = count;
	}
	for (size_t i = 0; i < count; i++)
	{
		if (rd_kafka_header_get_all(headers, i, &name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		inbox->headers[i].name = view_of(name);
		inbox->headers[i].value = (ByteView){value, value != NULL ? len : 0};
		record->header_count = i + 1;
	}
	record->headers = inbox->headers;
	return true;
}

static bool
take_record(KafkaInbox *inbox, InboxEvent *event)
{
	const rd_kafka_message_t *message = rd_kafka_event_message_next(inbox->event);
	InboxRecord *record = &event->record;
	rd_kafka_timestamp_type_t timestamp_type;
	rd_kafka_headers_t *headers = NULL;

	if (message == NULL || message->err)
		return false;
	event->type = INBOX_RECORD;
	record->topic = rd_kafka_topic_name(message->rkt);
	record->partition = message->partition;
	record->offset = message->offset;
	record->timestamp_ms = rd_kafka_message_timestamp(message, &timestamp_type);
	if (timestamp_type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
		record->timestamp_ms = -1;
	record->key = (ByteView){message->key, message->key_len};
	record->value = (ByteView){message->payload, message->len};
	if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
		!take_headers(inbox, headers, record))
	{
		event->type = INBOX_FATAL;
		error_bug(&event->error, "out of memory");
	}
	return true;
}

static bool
take_rebalance(KafkaInbox *inbox, InboxEvent *event)
{
	const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(inbox->event);

	if (!set_places(inbox, list, event))
	{
		event->type = INBOX_FATAL;
		error_bug(&event->error, "out of memory");
		return true;
	}
	if (rd_kafka_event_error(inbox->event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
	{
		rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
		rd_kafka_error_t *failed = rd_kafka_incremental_assign(inbox->rk, none);

		rd_kafka_topic_partition_list_destroy(none);
		inbox->placed = true;
		membership_joined(&inbox->membership);
		event->type = INBOX_ASSIGNED;
		if (!kafka_succeeded(failed, "accept an assignment", &event->error))
			event->type = INBOX_TROUBLE;
		/* The library gives it back by itself when it leaves. */
		return !inbox->leaving;
	}
	event->type = INBOX_REVOKED;
	event->lost = rd_kafka_assignment_lost(inbox->rk) != 0;
	inbox->lost = event->lost;
	/* One that is fenced loses them by that. */
	if (event->lost && rd_kafka_fatal_error(inbox->rk, NULL, 0) == RD_KAFKA_RESP_ERR_NO_ERROR)
		membership_lost(&inbox->membership);
	return true;
}

/* Whether somebody has to do something before Kafka can be read; then the error is filled. */
static bool
is_refused(KafkaInbox *inbox, rd_kafka_resp_err_t code, const char *text, Error *error)
{
	switch (code)
	{
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
			error_permanent(error, EXIT_PERMISSION, "Kafka: %s", text);
			error_hint(error,
					   "Add the ACL Read on the handlers' topics, or on their prefix, for the "
					   "consumer's principal; it includes Describe.");
			return true;
		case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
			error_permanent(error, EXIT_PERMISSION, "Kafka: %s", text);
			error_hint(error, "Add the ACL Read on the group of consumer.group, for the consumer's "
							  "principal.");
			return true;
		default:
			return kafka_trust_refusal(code, text, inbox->certificate, error);
	}
}

/* Whether any broker has ever answered. */
static bool
has_answer(KafkaInbox *inbox)
{
	char *cluster = inbox->answered ? NULL : rd_kafka_clusterid(inbox->rk, 0);

	if (cluster != NULL)
	{
		inbox->answered = true;
		rd_kafka_mem_free(inbox->rk, cluster);
	}
	return inbox->answered;
}

/* The client is done for. */
static bool
take_fatal(KafkaInbox *inbox, InboxEvent *event)
{
	char reason[256];

	event->type = INBOX_FATAL;
	if (rd_kafka_fatal_error(inbox->rk, reason, sizeof(reason)) !=
		RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
	{
		error_bug(&event->error, "Kafka consumer failed: %s", reason);
		return true;
	}
	if (membership_fenced(&inbox->membership))
	{
		inbox->left = inbox->closing;
		event->type = INBOX_REJOINING;
		error_transient(&event->error, "Kafka took this consumer, which had lost its place in the "
									   "group, for another one with its "
									   "\"consumer.instance_id\"");
		error_hint(&event->error,
				   "It joins again. When it is fenced as a member of the group, there is "
				   "another one, and it ends.");
		return !inbox->closing;
	}
	error_permanent(&event->error, EXIT_FENCED,
					"another consumer of the group has come with the same "
					"\"consumer.instance_id\", and Kafka gave it the partitions");
	error_hint(&event->error,
			   "What was applied is applied; the other one goes on from there. Each "
			   "consumer that runs needs a \"consumer.instance_id\" of its own, or none.");
	return true;
}

static bool
take_error(KafkaInbox *inbox, InboxEvent *event)
{
	rd_kafka_resp_err_t code = rd_kafka_event_error(inbox->event);
	char room[KAFKA_TEXT_SIZE];
	const char *text = kafka_text(rd_kafka_event_error_string(inbox->event), room);

	inbox->event_place = rd_kafka_event_topic_partition(inbox->event);
	if (inbox->event_place != NULL)
	{
		inbox->places[0] = (InboxPlace){.topic = inbox->event_place->topic,
										.partition = inbox->event_place->partition,
										.offset = inbox->event_place->offset};
		event->places = inbox->places;
		event->place_count = 1;
	}
	event->type = INBOX_TROUBLE;
	/* The event has the code behind it. */
	if (rd_kafka_event_error_is_fatal(inbox->event))
		code = RD_KAFKA_RESP_ERR__FATAL;
	if (is_refused(inbox, code, text, &event->error))
	{
		/* Access lists are the cluster's; the rest is changed at brokers one by one. */
		if (code > RD_KAFKA_RESP_ERR_NO_ERROR || !has_answer(inbox))
			event->type = INBOX_FATAL;
		return true;
	}
	switch (code)
	{
		case RD_KAFKA_RESP_ERR__PARTITION_EOF:
			if (inbox->event_place == NULL)
				return false;
			event->type = INBOX_END;
			return true;
		case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
		case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
			if (inbox->event_place == NULL)
				return false;
			event->type = INBOX_OUT_OF_RANGE;
			error_transient(&event->error, "%s", text);
			return true;
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
			event->type = INBOX_WAITING;
			if (inbox->loses_topics)
				renewal_missed(&inbox->renewal, inbox->placed, clock_mono());
			error_transient(&event->error, "Kafka: %s", text);
			/* The topic is in the text alone; no name has a "^". */
			if (strstr(text, ": ^") != NULL)
				error_hint(
					&event->error,
					"No topic matches the regular expressions of the handlers yet; the "
					"consumer waits for one. \"outbox-consumer check\" says what each of them "
					"matches. It sees topics that its principal may describe.");
			else
				error_hint(
					&event->error,
					"A handler reads from this topic, and it isn't there; the consumer waits for "
					"it. If nobody is to make it, look for a misspelt \"[handler TOPIC]\".");
			return true;
		case RD_KAFKA_RESP_ERR__FATAL:
			return take_fatal(inbox, event);
		default:
			error_transient(&event->error, "Kafka: %s", text);
			return true;
	}
}

/* "Topic t changed id from ID to ID": whether it had another one before. */
static bool
is_replaced(const char *text)
{
	static const char words[] = " changed id from ";
	static const char none[] = "AAAAAAAAAAAAAAAAAAAAAA";
	const char *found = strstr(text, words);

	return found != NULL && strncmp(found + strlen(words), none, strlen(none)) != 0;
}

static bool
take_log(KafkaInbox *inbox, InboxEvent *event)
{
	char room[KAFKA_TEXT_SIZE];
	const char *facility;
	const char *text;
	int level;

	if (rd_kafka_event_log(inbox->event, &facility, &text, &level) != 0)
		return false;
	if (inbox->loses_topics && level > LEVEL_INFO)
	{
		if (is_replaced(text))
			renewal_replaced(&inbox->renewal, clock_mono());
		if (!inbox->debugs)
			return false;
	}
	kafka_certificate_note(inbox->certificate, facility, text);
	event->type = level <= 4 ? INBOX_TROUBLE : INBOX_NOTE;
	error_transient(&event->error, "librdkafka: %s: %s", facility, kafka_text(text, room));
	return true;
}

static bool
take_commit(KafkaInbox *inbox, InboxEvent *event)
{
	rd_kafka_resp_err_t code = rd_kafka_event_error(inbox->event);

	/* It is a copy for tools; the next one mends it. */
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET)
		return false;
	event->type = INBOX_NOTE;
	error_transient(&event->error, "could not commit offsets to Kafka: %s", rd_kafka_err2str(code));
	return true;
}

bool
kafka_take_event(KafkaInbox *inbox, InboxEvent *event)
{
	switch (rd_kafka_event_type(inbox->event))
	{
		case RD_KAFKA_EVENT_FETCH:
			return take_record(inbox, event);
		case RD_KAFKA_EVENT_REBALANCE:
			return take_rebalance(inbox, event);
		case RD_KAFKA_EVENT_ERROR:
			return take_error(inbox, event);
		case RD_KAFKA_EVENT_LOG:
			return take_log(inbox, event);
		case RD_KAFKA_EVENT_OFFSET_COMMIT:
			return take_commit(inbox, event);
		default:
			return false;
	}
}
