/*
 * kafka_intern.h
 *	  What the files of the inbox share: kafka_inbox.c, kafka_event.c and kafka_member.c.
 */
#ifndef OUTBOX_CONSUMER_KAFKA_INTERN_H
#define OUTBOX_CONSUMER_KAFKA_INTERN_H

#include <librdkafka/rdkafka.h>

#include "clock_watch.h"
#include "inbox.h"
#include "kafka_hurry.h"
#include "kafka_trust.h"
#include "membership.h"
#include "renewal.h"

typedef struct KafkaInbox
{
	Inbox base;
	rd_kafka_conf_t *conf;					 /* of each client */
	rd_kafka_topic_partition_list_t *topics; /* that each subscribes to */
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int fd;
	rd_kafka_event_t *event; /* what the last poll's event points into */
	rd_kafka_topic_partition_list_t *begun;
	InboxPlace *places;
	size_t place_room;
	rd_kafka_topic_partition_t *event_place;
	InboxHeader *headers; /* of the last record */
	size_t header_room;
	bool drained; /* the queue was empty at the end of the last poll */
	bool closing;
	bool leaving; /* for a new client, which takes its place when it is closed */
	bool left;	  /* without waiting for the library */
	bool closed;
	bool lost;		   /* what finish() is owed for */
	bool placed;	   /* this client had an assignment, maybe of nothing */
	bool loses_topics; /* the library's version does (renewal.h) */
	bool debugs;	   /* the user wants to see what the library tells those who debug */
	Renewal renewal;
	Membership membership;
	KafkaHurry hurry;
	ClockWatch clock;
	bool answered; /* by some broker */
	char certificate[KAFKA_CERTIFICATE_TEXT];
} KafkaInbox;

/*
 * kafka_event.c: turns inbox->event into an event; false for one that nobody
 * needs to know of.
 */
extern bool kafka_take_event(KafkaInbox *inbox, InboxEvent *event);

/*
 * kafka_member.c: a client that subscribes, for the inbox's descriptor.  A new one
 * takes the place of one that was fenced and has no partitions; false: there is none.
 */
extern bool kafka_member_open(KafkaInbox *inbox, Error *error);
extern bool kafka_member_renew(KafkaInbox *inbox, Error *error);
extern void kafka_member_close(KafkaInbox *inbox, bool can_destroy);

/* Starts to leave the group; false: there is nothing to leave, after a fatal error. */
extern MUST_CHECK bool kafka_member_leave(KafkaInbox *inbox);

/*
 * For a queue that is empty: gives up a client that may have lost topics, and puts a new one
 * in its place when it has left; then everything that it had was revoked.  True: an event.
 */
extern bool kafka_member_mend(KafkaInbox *inbox, InboxEvent *event);

/* Frees the librdkafka error; true when there was none. */
extern bool kafka_succeeded(rd_kafka_error_t *failed, const char *doing, Error *error);

#endif
