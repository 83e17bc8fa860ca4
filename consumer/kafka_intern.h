/*
 * kafka_intern.h
 *	  What the files of the inbox share.  For kafka_inbox.c and kafka_event.c alone.
 */
#ifndef OUTBOX_CONSUMER_KAFKA_INTERN_H
#define OUTBOX_CONSUMER_KAFKA_INTERN_H

#include <librdkafka/rdkafka.h>

#include "inbox.h"
#include "kafka_hurry.h"
#include "kafka_trust.h"

#define KAFKA_HEADERS_MAX 256 /* of one record; more are passed over */

typedef struct KafkaInbox
{
	Inbox base;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int fd;
	rd_kafka_event_t *event; /* what the last poll's event points into */
	rd_kafka_topic_partition_list_t *begun;
	InboxPlace *places;
	size_t place_room;
	rd_kafka_topic_partition_t *event_place;
	InboxHeader headers[KAFKA_HEADERS_MAX];
	bool drained; /* the queue was empty at the end of the last poll */
	bool closing;
	bool closed;
	KafkaHurry hurry;
	bool answered; /* by some broker */
	char certificate[KAFKA_CERTIFICATE_TEXT];
} KafkaInbox;

/*
 * kafka_event.c: turns inbox->event into an event; false for one that nobody
 * needs to know of.
 */
extern bool kafka_take_event(KafkaInbox *inbox, InboxEvent *event);

/* Frees the librdkafka error; true when there was none. */
extern bool kafka_succeeded(rd_kafka_error_t *failed, const char *doing, Error *error);

#endif
